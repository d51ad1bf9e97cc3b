"""A record's quality says why it is what it is, and what mending each point is worth."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor
from server.activities import service as activities
from server.activities.schemas import CallOutcome, NewCall
from server.customers import service as customers
from server.customers.schemas import CustomerEdit, NewContact
from server.identity import keys
from server.kit.errors import NotFound
from server.quality import queries, rules, service
from server.quality.rules import Check, Facts
from server.quality.schemas import Average, QualityFilters
from server.settings import Settings
from server.sync import pairs
from server.sync import service as sync
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import make_customer

DAY = timedelta(days=1)
WHOLE = Facts(
    uscc="91330106MA2H3K4L5N",
    city="杭州市",
    industry="餐饮",
    level="A",
    source="展会",
    address="文三路 1 号",
    phones=("+8613957182046",),
    contacts=1,
    deciders=1,
    banned=0,
    doubles=0,
    entered_at=NOW - 400 * DAY,
    touched_at=NOW - DAY,
)


def lacks(**changed: Any) -> list[Check]:
    """Look at a whole record with something changed."""
    return rules.missing(msgspec.structs.replace(WHOLE, **changed), NOW)


def test_a_whole_record_has_a_hundred_and_each_flaw_says_what_it_is() -> None:
    flaws: dict[Check, dict[str, Any]] = {
        Check.REACHABLE: {"phones": ()},
        Check.PLAUSIBLE: {"phones": ("+8613957182046", "+8613800000000")},
        Check.CODE: {"uscc": None},
        Check.FRESH: {"touched_at": NOW - 91 * DAY},
        Check.CITY: {"city": None},
        Check.INDUSTRY: {"industry": None},
        Check.CONTACT: {"contacts": 0},
        Check.SINGLE: {"doubles": 1},
        Check.LEVEL: {"level": None},
        Check.ADDRESS: {"address": None},
        Check.DECIDER: {"deciders": 0},
        Check.SOURCE: {"source": None},
        Check.CALLABLE: {"banned": 1},
    }

    assert lacks() == []
    assert rules.score([]) == 100
    assert {check: lacks(**changed) for check, changed in flaws.items()} == {
        check: [check] for check in Check
    }
    assert rules.score(list(Check)) == 0


def test_who_was_just_entered_need_not_have_been_met() -> None:
    assert lacks(touched_at=None, entered_at=NOW - 30 * DAY) == []
    assert lacks(touched_at=None) == [Check.FRESH]
    assert lacks(touched_at=NOW - 90 * DAY) == []


@given(st.sets(st.sampled_from(Check)), st.sampled_from(Check))
def test_mending_never_costs_points(flaws: set[Check], mended: Check) -> None:
    before, after = rules.score(list(flaws)), rules.score(list(flaws - {mended}))

    assert 0 <= before <= after <= 100


@pytest.mark.parametrize(
    ("phone", "is_made_up"),
    [
        ("+8613800000000", True),
        ("+8613812345678", True),
        ("+8613987654321", True),
        ("+8613800138000", True),
        ("+8613957182046", False),
        # Lucky numbers are sold dear, and are real.
        ("+8613988886666", False),
        ("+85221234567", False),
    ],
)
def test_what_looks_made_up(phone: str, is_made_up: bool) -> None:  # noqa: FBT001 - a case's answer
    assert rules.is_made_up(phone) is is_made_up


# ------------------------------------------------------------------------------- in a company


async def seen(tenant: Tenant, customer: UUID, days: int = 0) -> set[str]:
    """Look at what a record lacks."""
    found = await queries.of_customer(tenant.rep, customer, now=NOW + days * DAY)
    assert found.score == 100 - sum(each.points for each in found.missing)
    return {each.check for each in found.missing}


async def test_a_record_is_mended_point_by_point(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep, "老街茶庄", phone="13957182046")
    bare = await seen(tenant, customer)
    boss = NewContact(name="周总", role="decides", phone="13800000000")
    contact = (await customers.add_contact(tenant.rep, customer, boss, now=NOW)).id
    known = await seen(tenant, customer, days=31)
    call = NewCall(contact_id=contact, outcome=CallOutcome.ANSWERED)
    await activities.add_call(tenant.rep, customer, call, now=NOW + 31 * DAY)
    called = await seen(tenant, customer, days=31)
    edit = CustomerEdit(city="杭州", industry="茶叶", level="B", source="展会", address="文三路")
    await customers.edit(tenant.rep, customer, edit, now=NOW)

    assert bare == {"code", "city", "industry", "contact", "level", "address", "decider", "source"}
    assert known - bare == {"plausible", "fresh"}
    assert bare - known == {"contact", "decider"}
    assert known - called == {"fresh"}
    assert await seen(tenant, customer, days=31) == {"code", "plausible"}
    with pytest.raises(NotFound):
        await seen(tenant, new_id())


async def test_a_double_and_a_phone_not_to_be_called_cost_trust(
    database: Settings, tenant: Tenant
) -> None:
    keys.open_keys(database)
    # Asked of every company of the channel, so of a phone that no other test has.
    phone = f"139{new_id().int % 10**8:08d}"
    one = await make_customer(tenant.rep, "老街茶庄", phone=phone)
    before = await seen(tenant, one)
    other = await make_customer(tenant.rep, "老街茶庄二店", phone=phone)
    call = NewCall(outcome=CallOutcome.OPTED_OUT)
    asked = await activities.add_call(tenant.rep, one, call, now=NOW)
    await activities.heed_opt_outs(tenant.tenant_id, [str(asked.id)], now=NOW)

    found = await queries.of_customer(tenant.rep, one, now=NOW)

    assert await seen(tenant, one) - before == {"single", "callable"}
    assert found.double_ids == [other]
    await pairs.find(tenant.tenant_id, {"ids": [str(one)]}, now=NOW)
    await sync.tell_apart(tenant.owner, one, other, now=NOW)
    assert await seen(tenant, one) - before == {"callable"}


async def test_that_a_hidden_phone_is_ones_own_customers_too_is_not_told(tenant: Tenant) -> None:
    hidden = await make_customer(tenant.rep, "西湖藕粉铺", phone="13912345678")
    masked = msgspec.structs.replace(tenant.owner, masks_phones=True)
    tried = await make_customer(masked, "试探一下", phone="13912345678")

    found = await queries.of_customer(masked, hidden, now=NOW)
    open_ = await queries.of_customer(tenant.owner, hidden, now=NOW)

    assert (found.double_ids, open_.double_ids) == ([], [tried])
    assert found.score == open_.score + rules.WORTH[Check.SINGLE].points


async def test_nor_is_it_told_by_the_list_of_last_night(tenant: Tenant) -> None:
    """Neither by a line, nor by its place, its score, a filter or an average."""
    hidden = await make_customer(tenant.rep, "西湖藕粉铺", phone="13912345678")
    twins = [await make_customer(tenant.rep, "老街茶庄", city=each) for each in ("杭州", "绍兴")]
    masked = msgspec.structs.replace(tenant.owner, masks_phones=True)

    async def reps_average(actor: Actor) -> list[Average]:
        lines = await queries.averages(actor)
        return [each for each in lines if each.owner_id == tenant.rep.user_id]

    await service.look_through(tenant.tenant_id, now=NOW)
    mine = QualityFilters(owner_id=tenant.rep.user_id)
    before = [await queries.list_page(masked, mine), await reps_average(masked)]
    tried = await make_customer(masked, "试探一下", phone="13912345678")

    await service.look_through(tenant.tenant_id, now=NOW)

    assert [await queries.list_page(masked, mine), await reps_average(masked)] == before
    doubled = QualityFilters(check=Check.SINGLE)
    [seen_, open_] = [
        {line.customer_id for line in (await queries.list_page(actor, doubled)).items}
        for actor in (masked, tenant.owner)
    ]
    assert (seen_, open_) == ({*twins}, {*twins, hidden, tried})


async def test_the_poorest_come_first_and_people_are_averaged(tenant: Tenant) -> None:
    assert await queries.averages(tenant.owner) == []
    poor = await make_customer(tenant.rep, "甲店")
    fair = await make_customer(tenant.rep, "乙店", phone="13957182046", city="杭州")
    others = await make_customer(tenant.manager, "丙店", phone="13957182047")
    gone = await make_customer(tenant.rep, "丁店")
    await service.look_through(tenant.tenant_id, now=NOW)
    await customers.delete(tenant.owner, gone, base=None, now=NOW)

    looked = [await service.look_through(tenant.tenant_id, now=NOW + DAY) for _ in range(2)]

    assert looked == [3, 3]
    page = await queries.list_page(tenant.owner, QualityFilters(), limit=2)
    rest = await queries.list_page(tenant.owner, QualityFilters(), cursor=page.next_cursor)
    lines = [*page.items, *rest.items]
    assert [each.customer_id for each in lines] == [poor, others, fair]
    assert lines[0].assessed_at == NOW + DAY
    reachless = QualityFilters(check=Check.REACHABLE, owner_id=tenant.rep.user_id)
    found = (await queries.list_page(tenant.owner, reachless)).items
    assert [each.customer_id for each in found] == [poor]
    of_all, of_team, *people = await queries.averages(tenant.owner)
    assert (of_all.customers, of_team.customers) == (3, 3)
    assert of_all.score == pytest.approx(sum(each.score for each in lines) / 3)
    averages = {each.owner_id: (each.customers, each.score) for each in people}
    assert averages[tenant.manager.user_id] == (1, lines[1].score)
    assert averages[tenant.rep.user_id] == (2, (lines[0].score + lines[2].score) / 2)
    (own, _, mine) = await queries.averages(tenant.rep)
    assert (own.customers, mine.owner_id) == (2, tenant.rep.user_id)
