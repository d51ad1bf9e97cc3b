"""Branch B sees of branch A what a line of policy grants, and nothing besides (S110)."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import pytest

from server.access import Actor, Part, Role, Scope
from server.access.rules import NotPermitted
from server.customers import queries, service
from server.customers.exports import service as exports
from server.customers.reveals import service as reveals
from server.customers.reveals.schemas import NewReveal
from server.customers.schemas import (
    CustomerEdit,
    CustomerView,
    Filters,
    NewContact,
    NewCustomer,
    NewNote,
    NewStore,
    Sort,
)
from server.customers.service.customers import SharedInPart
from server.identity import queries as identity_queries
from server.identity import service as identity
from server.identity import standings
from server.identity.rules.sharing import LINES_MAX, SharingUnfit
from server.identity.rules.standing import actor as actor_of
from server.identity.schemas import NewSharing
from server.kit.errors import IdReused, NotFound
from server.pipeline import queries as deals
from server.pipeline import service as pipeline
from server.pipeline.schemas import DealFilters, NewOpportunity
from server.tenants import service as tenants
from server.tenants.schemas import NewTeam
from tests.factories import NOW, Tenant, make_tenant, new_id, new_user
from tests.server.customers.stories import make_tag, names

SECRETS: Final[Mapping[Part, str]] = {
    Part.USCC: "91330106MA2CF88802",
    Part.PHONE: "13912345678",
    Part.ADDRESS: "文三路九十九号",
    Part.REMARK: "老板喜欢钓鱼",
    Part.REVENUE: "7654321",
    Part.CONTACTS: "王小芳",
    Part.STORES: "滨江分店",
    Part.NOTES: "昨天谈了价格",
}
"""What each part of the richest customer holds, in words that stand nowhere else."""
LEVELS: Final[list[Literal["A", "B"]]] = ["A", "B"]
KNOWN: Final = [(level, city) for level in LEVELS for city in ("杭州市", "宁波市")]


class Branches(msgspec.Struct):
    """Branch A with customers of each sort, branch B with one, and somebody who looks on."""

    tenant: Tenant
    b_team: UUID
    c_team: UUID
    b_rep: Actor
    tag: UUID
    rich: UUID


@pytest.fixture(scope="module")
async def branches(database: object) -> Branches:
    """A company with three branches; nothing is shared yet."""
    del database
    tenant = await make_tenant()
    made = [await tenants.create_team(tenant.owner, NewTeam(name=n), now=NOW) for n in ("乙", "丙")]
    b_team, c_team = (team.id for team in made)
    b_rep = tenant.actor(Role.SALES_REP, team_id=b_team)
    await identity.invite(tenant.owner, new_user(b_rep, team_id=b_team), now=NOW)
    tag = await make_tag(tenant.owner, "共享")
    for at, (level, city) in enumerate(KNOWN):
        tags = [tag] if at in {0, 3} else []
        new = NewCustomer(name=f"甲客户{level}{city}", level=level, city=city, tags=tags)
        await service.create(tenant.rep, new, now=NOW)
    rich = NewCustomer(
        name="富春茶行",
        level="A",
        city="杭州市",
        tags=[tag],
        uscc=SECRETS[Part.USCC],
        phone=SECRETS[Part.PHONE],
        address=SECRETS[Part.ADDRESS],
        remark=SECRETS[Part.REMARK],
        expected_revenue_minor=int(SECRETS[Part.REVENUE]),
    )
    rich_id = (await service.create(tenant.rep, rich, now=NOW)).id
    contact = NewContact(name=SECRETS[Part.CONTACTS], phone="13800001111")
    await service.add_contact(tenant.rep, rich_id, contact, now=NOW)
    await service.add_store(tenant.rep, rich_id, NewStore(name=SECRETS[Part.STORES]), now=NOW)
    await service.add_note(tenant.rep, rich_id, NewNote(body=SECRETS[Part.NOTES]), now=NOW)
    deal = NewOpportunity(customer_id=rich_id, name="甲的商机")
    await pipeline.create(tenant.rep, deal, now=NOW)
    await service.create(b_rep, NewCustomer(name="乙客户", level="A", city="杭州市"), now=NOW)
    return Branches(tenant, b_team, c_team, b_rep, tag, rich_id)


async def by_policy(branches: Branches, person: Actor, *lines: NewSharing) -> Actor:
    """Set these lines and no other; give the person as the edge makes it."""
    owner = branches.tenant.owner
    for held in await identity_queries.sharings(owner):
        await identity.unshare(owner, held.line.id, now=NOW)
    for line in lines:
        await identity.share(owner, line, now=NOW)
    standing = await standings.read(person.tenant_id, person.user_id)
    assert standing is not None
    return actor_of(standing, device_id=None, session_id=None)


def line(branches: Branches, **terms: Any) -> NewSharing:
    """Write a line from branch A to branch B."""
    return NewSharing(from_team_id=branches.tenant.team_id, to_team_id=branches.b_team, **terms)


POLICIES: Final[dict[str, dict[str, Any]]] = {
    "the whole branch": {},
    "one level": {"levels": ["A"]},
    "one region": {"cities": ["杭州"]},
    "one tag": {"tag_id": "tag"},
    "a level in a region": {"levels": ["B"], "cities": ["宁波"]},
    "a tag of a level": {"levels": ["A"], "tag_id": "tag"},
}


@pytest.mark.parametrize("policy", POLICIES)
async def test_s110_a_line_lets_see_these_customers_and_no_others(
    branches: Branches, policy: str
) -> None:
    terms = dict(POLICIES[policy])
    if "tag_id" in terms:
        terms["tag_id"] = branches.tag
    b_rep = await by_policy(branches, branches.b_rep, line(branches, **terms))
    everything = (await queries.list_page(branches.tenant.owner, Filters(), limit=200)).items

    def is_granted(customer: CustomerView) -> bool:
        """Say by the policy's own words whether B may see a customer."""
        if customer.owner_id == b_rep.user_id:
            return True
        cities = [f"{city}市" for city in terms.get("cities", [])]
        return (
            customer.team_id == branches.tenant.team_id
            and customer.level in terms.get("levels", [customer.level])
            and (not cities or customer.city in cities)
            and ("tag_id" not in terms or branches.tag in customer.tags)
        )

    granted = {customer.name for customer in everything if is_granted(customer)}
    others = {customer.name for customer in everything} - granted
    assert "乙客户" in granted
    assert policy == "the whole branch" or others

    for sort in (None, Sort.NAME, Sort.UPDATED):
        assert set(await names(b_rep, sort)) == granted
    for word in ("客户", "甲客户", "kehu"):
        assert (
            set(await names(b_rep, q=word))
            == set(await names(branches.tenant.owner, q=word)) & granted
        )
    assert (await queries.summary(b_rep, Filters())).customers == len(granted)
    exporter = msgspec.structs.replace(b_rep, role=Role.SALES_MANAGER)
    blocks = await exports.as_csv(exporter, Filters(), exports.Words.ZH, now=NOW)
    sheet = b"".join([block async for block in blocks]).decode()
    assert {name for name in granted | others if name in sheet} == granted
    for customer in everything:
        if customer.name in granted:
            found = await queries.detail(b_rep, customer.id, with_shared=True)
            assert found.customer.name == customer.name
        else:
            with pytest.raises(NotFound):
                await queries.detail(b_rep, customer.id, with_shared=True)


@pytest.mark.parametrize("part", SECRETS)
async def test_s110_of_a_shared_customer_the_parts_of_the_line_are_seen(
    branches: Branches, part: Part
) -> None:
    b_rep = await by_policy(branches, branches.b_rep, line(branches, parts=[part]))

    seen = msgspec.json.encode(
        [
            await queries.detail(b_rep, branches.rich, with_shared=True),
            await queries.list_page(b_rep, Filters(q="富春")),
            await queries.list_page(b_rep, Filters(), limit=200),
            await reveals.reveal(b_rep, branches.rich, NewReveal(), now=NOW),
        ]
    ).decode()

    assert {each for each, secret in SECRETS.items() if secret in seen} == {part}
    assert "13800001111" not in seen, "a contact's phone needs both parts"


async def test_s110_what_is_not_shared_is_not_found_out_by_asking_for_it(
    branches: Branches,
) -> None:
    b_rep = await by_policy(branches, branches.b_rep, line(branches))

    for part in (Part.PHONE, Part.USCC, Part.CONTACTS, Part.STORES):
        for sort in (None, Sort.NAME):
            assert await names(b_rep, sort, q=SECRETS[part]) == []
    assert "富春茶行" not in await names(b_rep, Sort.REVENUE), "its place would tell the amount"
    assert (await queries.summary(b_rep, Filters())).expected_revenue_minor == 0


async def test_s110_nothing_else_of_a_shared_customer_is_seen(branches: Branches) -> None:
    b_rep = await by_policy(branches, branches.b_rep, line(branches, parts=list(Part)))

    with pytest.raises(NotFound):
        await queries.detail(b_rep, branches.rich)
    with pytest.raises(NotFound):
        await queries.history(b_rep, branches.rich)
    with pytest.raises(NotFound):
        await deals.of_customer(b_rep, branches.rich, now=NOW)
    assert (await deals.list_page(b_rep, DealFilters(), now=NOW)).items == []
    with pytest.raises(NotFound):
        await service.add_note(b_rep, branches.rich, NewNote(body="x"), now=NOW)


async def test_s110_a_line_lets_write_where_it_says_so(branches: Branches) -> None:
    reads = await by_policy(branches, branches.b_rep, line(branches, parts=[Part.REMARK]))
    seen: list[dict[str, Any]] = [{"level": "B"}, {"remark": "x"}]
    for change in seen:
        with pytest.raises(SharedInPart) as refused:
            await service.edit(reads, branches.rich, CustomerEdit(**change), now=NOW)
        assert refused.value.field == next(iter(change))

    terms: dict[str, Any] = {"parts": [Part.REMARK], "may_write": True}
    writes = await by_policy(branches, branches.b_rep, line(branches, **terms))
    kept: list[dict[str, Any]] = [
        {"phone": "13100000000"},
        {"owner_id": writes.user_id},
        {"team_id": None},
    ]
    for change in kept:
        with pytest.raises(SharedInPart):
            await service.edit(writes, branches.rich, CustomerEdit(**change), now=NOW)
    done = await service.edit(writes, branches.rich, CustomerEdit(source="展会"), now=NOW)

    assert (done.customer.source, done.customer.phone) == ("展会", None)
    (told, *_) = (await queries.history(branches.tenant.owner, branches.rich)).items
    assert told.actor_id == writes.user_id, "the history names who wrote"


async def test_s110_a_phone_holds_nothing_that_is_shared(branches: Branches) -> None:
    seeing = await by_policy(branches, branches.b_rep, line(branches, parts=list(Part)))
    standing = await standings.read(seeing.tenant_id, seeing.user_id)
    assert standing is not None
    on_phone = actor_of(standing, device_id=new_id(), session_id=None)

    assert on_phone.shared == ()
    assert set(await names(on_phone)) == {"乙客户"}


async def test_s110_two_lines_add_up_and_other_branches_see_nothing(branches: Branches) -> None:
    lines = [
        line(branches, levels=["A"], parts=[Part.PHONE]),
        line(branches, cities=["杭州"], parts=[Part.REMARK]),
    ]
    b_rep = await by_policy(branches, branches.b_rep, *lines)
    c_rep = msgspec.structs.replace(
        branches.tenant.actor(Role.SALES_REP, team_id=branches.c_team), scope=Scope.TEAM
    )

    rich = (await queries.detail(b_rep, branches.rich, with_shared=True)).customer

    assert (rich.phone, rich.remark, rich.address) == (
        f"+86{SECRETS[Part.PHONE]}",
        SECRETS[Part.REMARK],
        None,
    )
    assert len(await names(b_rep)) == 5, "level A, or in Hangzhou, and its own"
    assert await names(c_rep) == []


async def test_s110_a_line_is_between_two_teams_and_said_once(branches: Branches) -> None:
    owner, new = branches.tenant.owner, line(branches, levels=["B", "A", "A"], id=new_id())
    await by_policy(branches, branches.b_rep)

    once = await identity.share(owner, new, now=NOW)
    assert await identity.share(owner, new, now=NOW) == once
    with pytest.raises(IdReused):
        await identity.share(owner, msgspec.structs.replace(new, may_write=True), now=NOW)
    itself = NewSharing(from_team_id=branches.b_team, to_team_id=branches.b_team)
    unknown = NewSharing(from_team_id=new_id(), to_team_id=branches.b_team)
    for wrong, field in ((itself, "to_team_id"), (unknown, "from_team_id")):
        with pytest.raises(SharingUnfit) as refused:
            await identity.share(owner, wrong, now=NOW)
        assert refused.value.field == field
    for _ in range(LINES_MAX - 1):
        await identity.share(owner, line(branches), now=NOW)
    with pytest.raises(SharingUnfit):
        await identity.share(owner, line(branches), now=NOW)
    assert await identity.share(owner, new, now=NOW) == once, "asked again, it is as it is"
    for nobody in (branches.tenant.manager, branches.b_rep):
        with pytest.raises(NotPermitted):
            await identity.share(nobody, line(branches), now=NOW)
    await by_policy(branches, branches.b_rep)
