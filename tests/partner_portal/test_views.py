"""Saved views: filter, order and columns under a name; each viewer's own rights decide (S110)."""

import msgspec
import pytest

from partner_portal.customers.look import Look as PageLook
from partner_portal.deals.look import DealLook as PageDealLook
from partner_portal.leads.look import LeadLook as PageLeadLook
from partner_portal.looks import ListLook
from server.access import Actor, Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.customers import queries
from server.identity import service as identity
from server.identity.schemas import UserChange
from server.kit import db
from server.kit.errors import IdReused, NotFound
from server.leads.rules.states import LeadState
from server.leads.schemas import LeadFilters
from server.pipeline.schemas import DealFilters
from server.tenants import service as tenants
from server.tenants.schemas import NewTeam
from server.views import queries as views
from server.views import service
from server.views.rules import AudienceUnfit, NotYourView, TooManyViews
from server.views.schemas import (
    Audience,
    CustomerLook,
    DealLook,
    LeadLook,
    ListName,
    Look,
    NewView,
    ViewEdit,
    ViewView,
)
from tests.factories import NOW, Tenant, new_id, new_user
from tests.server.customers.stories import make

LOOK = CustomerLook(level="A", sort="name", columns=["level", "phone"])


async def saved(actor: Actor, audience: Audience = Audience.OWN, look: Look = LOOK) -> ViewView:
    """Save a view."""
    return await service.save(
        actor, NewView(name="重点客户", look=look, audience=audience), now=NOW
    )


async def stranger(tenant: Tenant) -> Actor:
    """Add a rep of another team."""
    team = await tenants.create_team(tenant.owner, NewTeam(name="乙"), now=NOW)
    rep = tenant.actor(Role.SALES_REP, team_id=team.id)
    await identity.invite(tenant.owner, new_user(rep, team_id=team.id), now=NOW)
    return rep


@pytest.mark.parametrize("audience", Audience)
async def test_s110_a_view_is_found_by_those_it_is_shared_with(
    tenant: Tenant, rival: Tenant, audience: Audience
) -> None:
    view = await saved(tenant.manager, audience)
    outsider = await stranger(tenant)

    finds = {
        name: view in await views.views(person)
        for name, person in {
            "maker": tenant.manager,
            "team": tenant.rep,
            "company": outsider,
            "rival": rival.owner,
        }.items()
    }

    assert finds == {
        "maker": True,
        "team": audience is not Audience.OWN,
        "company": audience is Audience.TENANT,
        "rival": False,
    }
    if not finds["company"]:
        with pytest.raises(NotFound):
            await views.one(outsider, view.id)


async def test_s110_a_shared_view_shows_each_viewer_what_they_may_see(tenant: Tenant) -> None:
    outsider = await stranger(tenant)
    mine = await make(tenant.rep, "甲的客户", level="A")
    theirs = await make(outsider, "乙的客户", level="A")
    view = await saved(tenant.manager, Audience.TENANT, CustomerLook(level="A", is_mine=True))

    for viewer, expected in ((tenant.rep, mine), (outsider, theirs), (tenant.owner, None)):
        opened = PageLook.of((await views.one(viewer, view.id)).look, me=viewer.user_id)
        page = await queries.list_page(viewer, opened.filters, sort=opened.order)
        assert [each.id for each in page.items] == ([expected.id] if expected else [])


def test_a_look_comes_back_as_it_was_saved() -> None:
    look = PageLook.read(
        {"q": "茶", "status": "need", "city": "杭州", "level": "B", "tag": str(new_id()),
         "own": f"custom_text_{new_id().hex}:三号", "sort": "name", "columns": "phone,level,odd"}
    )  # fmt: skip

    held = msgspec.convert(look.saved, CustomerLook)

    assert held.columns == ["phone", "level"]
    assert PageLook.of(held, me=new_id()) == look
    assert (
        PageLook.of(msgspec.json.decode(msgspec.json.encode(held), type=Look), me=new_id()) == look
    )


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        (
            PageDealLook,
            {"state": "open", "month": "2027-01", "owner_id": str(new_id()), "is_stale": "1"},
        ),
        (PageDealLook, {"is_built_in": "1", "stage": "lead", "category": "commit"}),
        (PageLeadLook, {"q": "茶", "state": "suspect", "verdict": "junk"}),
        (PageLeadLook, {"state": "all", "city": "杭州", "source_id": str(new_id())}),
    ],
)
def test_each_list_comes_back_as_it_was_saved(page: type[ListLook], parts: dict[str, str]) -> None:
    look = page.read(parts | {"odd": "1"})

    held = msgspec.json.decode(msgspec.json.encode(msgspec.convert(look.saved, Look)), type=Look)

    assert look.parts == parts
    assert page.of(held, me=new_id()) == look
    me = new_id()
    mine = page.of(msgspec.structs.replace(held, is_mine=True), me=me)
    assert mine.parts == {**parts, page.PERSON: str(me)}


def test_what_makes_no_sense_to_a_list_is_as_if_it_were_not_there() -> None:
    odd = {"state": "odd", "owner_id": "odd", "is_stale": "yes", "verdict": "odd", "q": "a\0b"}

    assert PageDealLook.read(odd).filters == DealFilters()
    assert PageLeadLook.read(odd).filters == LeadFilters(q="ab")


async def test_a_view_is_of_one_list_and_for_those_who_read_it(tenant: Tenant) -> None:
    made: dict[ListName, ViewView] = {
        "customers": await saved(tenant.manager, Audience.TENANT),
        "deals": await saved(tenant.manager, Audience.TENANT, DealLook(is_stale=True)),
        "leads": await saved(tenant.manager, Audience.TENANT, LeadLook(state=LeadState.READY)),
    }

    for name, view in made.items():
        assert await views.views(tenant.manager, name) == [view]
    assert {each.id for each in await views.views(tenant.rep)} == {
        made["customers"].id,
        made["deals"].id,
    }
    with pytest.raises(NotFound):
        await views.one(tenant.rep, made["leads"].id)
    with pytest.raises(NotPermitted):
        await saved(tenant.rep, look=LeadLook())
    own = await saved(tenant.rep)
    with pytest.raises(NotPermitted):
        await service.change(tenant.rep, own.id, ViewEdit(look=LeadLook()), now=NOW)


async def test_a_view_is_saved_once_and_changed_by_its_maker(tenant: Tenant) -> None:
    new = NewView(name="周报", look=LOOK, audience=Audience.TEAM, id=new_id())
    view = await service.save(tenant.rep, new, now=NOW)

    assert await service.save(tenant.rep, new, now=NOW) == view
    other = msgspec.structs.replace(new, name="月报")
    for person in (tenant.rep, await stranger(tenant)):
        with pytest.raises(IdReused):
            await service.save(person, other, now=NOW)
    with pytest.raises(NotYourView):
        await service.change(tenant.manager, view.id, ViewEdit(name="我的"), now=NOW)
    changed = await service.change(tenant.owner, view.id, ViewEdit(name="公司周报"), now=NOW)
    assert (changed.name, changed.look, changed.made_by) == ("公司周报", LOOK, tenant.rep.user_id)
    await service.remove(tenant.rep, view.id, now=NOW)
    with pytest.raises(NotFound):
        await views.one(tenant.rep, view.id)


async def test_a_rep_shares_with_the_team_and_not_with_the_company(tenant: Tenant) -> None:
    with pytest.raises(AudienceUnfit) as refused:
        await saved(tenant.rep, Audience.TENANT)
    assert refused.value.field == "audience"
    alone = msgspec.structs.replace(tenant.rep, team_id=None)
    with pytest.raises(AudienceUnfit):
        await saved(alone, Audience.TEAM)
    view = await saved(tenant.rep)
    with pytest.raises(AudienceUnfit):
        await service.change(tenant.rep, view.id, ViewEdit(audience=Audience.TENANT), now=NOW)


async def test_who_leads_no_more_changes_no_view_of_the_company(tenant: Tenant) -> None:
    view = await saved(tenant.manager, Audience.TENANT)
    before = await saved(tenant.manager)
    former = msgspec.structs.replace(tenant.manager, role=Role.SALES_REP)

    with pytest.raises(AudienceUnfit):
        await service.change(former, view.id, ViewEdit(name="人人都看"), now=NOW)
    taken_back = ViewEdit(audience=Audience.OWN, name="只给自己")
    own = await service.change(former, view.id, taken_back, now=NOW)
    await service.change(former, before.id, ViewEdit(name="自己的"), now=NOW)

    assert (own.audience, own.name) == (Audience.OWN, "只给自己")
    assert (await views.views(tenant.rep)) == []


async def test_the_trail_tells_who_shared_a_view_and_who_took_it_back(tenant: Tenant) -> None:
    view = await saved(tenant.manager)
    for audience in (Audience.TENANT, Audience.TENANT, Audience.OWN, Audience.TEAM):
        await service.change(tenant.manager, view.id, ViewEdit(audience=audience), now=NOW)
    await service.remove(tenant.manager, view.id, now=NOW)

    trail = (await audit.entries(tenant.owner)).items
    told = [(each.action, each.detail["audience"]) for each in trail if each.subject_id == view.id]
    assert sorted(told) == [
        ("view.shared", ["own", "team"]),
        ("view.shared", ["own", "tenant"]),
        ("view.unshared", ["team", "own"]),
        ("view.unshared", ["tenant", "own"]),
    ]


async def test_a_view_is_shared_with_the_team_that_its_maker_has_by_then(tenant: Tenant) -> None:
    view = await saved(tenant.rep)
    outsider = await stranger(tenant)
    assert outsider.team_id is not None
    moved = msgspec.structs.replace(tenant.rep, team_id=outsider.team_id)
    change = UserChange(team_id=outsider.team_id)
    await identity.change_user(tenant.owner, tenant.rep.user_id, change, now=NOW)

    shared = await service.change(moved, view.id, ViewEdit(audience=Audience.TEAM), now=NOW)

    assert shared in await views.views(outsider)
    assert shared not in await views.views(tenant.manager)


async def test_one_keeps_a_hundred_views(tenant: Tenant) -> None:
    for _ in range(100):
        await saved(tenant.rep)

    with pytest.raises(TooManyViews):
        await saved(tenant.rep)
    assert len(await views.views(tenant.rep)) == 100


async def test_a_view_of_before_is_one_of_customers(tenant: Tenant) -> None:
    view = await saved(tenant.rep)
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE saved_view SET look = look - 'list' WHERE tenant_id = $1", tenant.tenant_id
        )

    assert await views.views(tenant.rep, "customers") == [view]
    assert await views.views(tenant.rep, "deals") == []
