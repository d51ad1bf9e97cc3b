"""From a lead to somebody's customer: routed, accepted, returned, overdue (S02, S44)."""

from datetime import timedelta
from typing import Any

import pytest

from server.customers import queries as customers
from server.customers import service as customer_service
from server.customers.bulk import service as bulk
from server.customers.bulk.schemas import NewHandOver
from server.customers.schemas import Filters, NewCustomer
from server.kit.errors import NotFound
from server.leads import jobs, queries, service
from server.leads.rules.handoff import HandoffIncomplete, Terms
from server.leads.rules.routing import NotARouteTarget, PersonAbsent, Why
from server.leads.rules.states import LeadState, LeadStateUnfit, ReturnReason, Stage
from server.leads.schemas import LeadEdit, Return
from server.settings import Settings
from server.sync import collection, merging
from tests.factories import NOW, Tenant
from tests.server.customers.custom.stories import field
from tests.server.leads.stories import (
    a_phone,
    a_rep,
    away,
    decide,
    holds,
    offered,
    one,
    ready,
    route,
)
from tests.server.sync.devices import make_device

LATER = NOW + timedelta(hours=25)


def codes(routed: Any) -> list[Why]:
    """Give the steps of a decision."""
    return [reason.code for reason in routed.reasons]


async def test_s44_a_routed_lead_is_a_customer_of_the_person(tenant: Tenant) -> None:
    lead_id = await ready(tenant, need="两台收银机", amount_minor=800_000)

    routed = await route(tenant, lead_id)

    assert routed.person_id == tenant.rep.user_id
    lead = await one(tenant.rep, lead_id)
    assert (lead.state, lead.assignee_id) == (LeadState.OFFERED, tenant.rep.user_id)
    assert lead.customer_id is not None
    customer = await customers.one(tenant.rep, lead.customer_id)
    assert (customer.name, customer.owner_id) == ("杭州龙井茶行", tenant.rep.user_id)
    assert (customer.remark, customer.expected_revenue_minor) == ("两台收银机", 800_000)


async def test_a_required_custom_field_keeps_no_lead_from_its_owner(tenant: Tenant) -> None:
    await field(tenant.owner, "text", "门头", is_required=True)

    lead = await ready(tenant)
    await route(tenant, lead, tenant.rep)

    # Who routes has no shop front to give; the owner adds it.
    assert (await one(tenant.rep, lead)).assignee_id == tenant.rep.user_id


async def test_s44_accepting_is_done_once_and_reaches_the_next_stage(tenant: Tenant) -> None:
    lead_id = await offered(tenant)

    await service.accept(tenant.rep, lead_id, now=NOW)
    await service.accept(tenant.rep, lead_id, now=LATER)

    detail = await queries.detail(tenant.rep, lead_id)
    assert (detail.lead.state, detail.lead.stage) == (LeadState.ACCEPTED, Stage.PRE_OPPORTUNITY)
    assert [event.kind for event in detail.events] == ["route", "accept"]
    with pytest.raises(LeadStateUnfit):
        await service.give_back(tenant.rep, lead_id, Return(reason=ReturnReason.OTHER), now=NOW)


async def test_s44_a_returned_lead_goes_to_somebody_else_and_the_rate_is_shown(
    tenant: Tenant,
) -> None:
    second = await a_rep(tenant)
    lead_id = await offered(tenant)
    back = Return(reason=ReturnReason.NO_NEED, note="装修中")

    await service.give_back(tenant.rep, lead_id, back, now=NOW)
    await service.give_back(tenant.rep, lead_id, back, now=NOW)
    routed = await route(tenant, lead_id)

    assert routed.person_id == second.user_id
    assert Why.RETURNED_BEFORE in codes(routed)
    lead = await one(second, lead_id)
    assert lead.customer_id is not None
    assert (await customers.one(second, lead.customer_id)).owner_id == second.user_id
    with pytest.raises(NotFound):
        await queries.detail(tenant.rep, lead_id)
    [quality] = await queries.handoffs(tenant.manager)
    assert (quality.routed, quality.returned, quality.return_rate) == (2, 1, 0.5)


async def test_s44_a_lead_that_nobody_answers_goes_back_when_its_clock_runs_out(
    tenant: Tenant,
) -> None:
    lead_id = await offered(tenant)
    accept_by = (await one(tenant.manager, lead_id)).accept_by
    assert accept_by == NOW + timedelta(hours=24)
    job: Any = type("Job", (), {})()
    job.tenant_id = tenant.tenant_id
    job.payload = {"lead_id": str(lead_id), "accept_by": accept_by.isoformat()}

    await jobs.overdue(job, NOW + timedelta(hours=23))
    assert (await one(tenant.manager, lead_id)).state is LeadState.OFFERED
    await jobs.overdue(job, LATER)
    await jobs.overdue(job, LATER)

    detail = await queries.detail(tenant.manager, lead_id)
    assert (detail.lead.state, detail.lead.return_count) == (LeadState.READY, 1)
    assert [event.kind for event in detail.events] == ["route", "overdue"]
    with pytest.raises(NotFound):
        await service.accept(tenant.rep, lead_id, now=LATER)


async def test_s44_an_incomplete_hand_off_is_refused_and_names_what_lacks(tenant: Tenant) -> None:
    terms = Terms(checklist=["phone", "need", "contact_name"])
    await service.change_terms(tenant.manager, terms, now=NOW)
    lead_id = await ready(tenant)

    with pytest.raises(HandoffIncomplete) as refused:
        await route(tenant, lead_id)

    assert refused.value.extra["missing"] == ["need", "contact_name"]
    change = LeadEdit(need="一台打印机", contact_name="李姐")
    assert (await service.edit(tenant.manager, lead_id, change, now=NOW)).missing == []
    assert (await route(tenant, lead_id)).person_id == tenant.rep.user_id


async def test_s44_a_lead_given_twice_to_the_same_person_is_given_once(tenant: Tenant) -> None:
    lead_id = await ready(tenant)

    first = await route(tenant, lead_id, tenant.rep)

    assert await route(tenant, lead_id, tenant.rep, now=LATER) == first
    events = (await queries.detail(tenant.manager, lead_id)).events
    assert [event.kind for event in events] == ["route"]
    with pytest.raises(LeadStateUnfit):
        await route(tenant, lead_id, tenant.manager)


async def test_s100_nobody_who_is_away_gets_a_lead_not_even_by_hand(tenant: Tenant) -> None:
    await away(tenant, tenant.rep)
    lead_id = await ready(tenant)

    routed = await route(tenant, lead_id)

    assert routed.person_id is None
    assert codes(routed) == [Why.ABSENT, Why.NO_TERRITORY, Why.NOBODY]
    with pytest.raises(PersonAbsent):
        await route(tenant, lead_id, tenant.rep)
    tomorrow = await route(tenant, lead_id, now=NOW + timedelta(days=1))
    assert tomorrow.person_id == tenant.rep.user_id


async def test_s02_the_holder_of_the_district_comes_before_that_of_the_city(
    tenant: Tenant,
) -> None:
    near = await a_rep(tenant)
    await holds(tenant, tenant.rep.user_id, "杭州")
    await holds(tenant, near.user_id, "杭州", "西湖区")

    here = await route(tenant, await ready(tenant, district="西湖区"))
    there = await route(tenant, await ready(tenant, district="滨江区"))

    assert (here.person_id, there.person_id) == (near.user_id, tenant.rep.user_id)
    assert here.reasons[0].values == {
        "city": "杭州市",
        "district": "西湖区",
        "people": [str(near.user_id)],
    }


async def test_leads_of_one_kind_go_round(tenant: Tenant) -> None:
    people = [tenant.rep, await a_rep(tenant), await a_rep(tenant)]

    got = [
        (await route(tenant, await ready(tenant), now=NOW + timedelta(minutes=n))).person_id
        for n in range(6)
    ]

    assert sorted(map(str, got)) == sorted(str(one.user_id) for one in [*people, *people])
    assert len(set(got[:3])) == 3


async def test_a_known_customer_keeps_its_person(tenant: Tenant) -> None:
    second, phone = await a_rep(tenant), a_phone()
    new = NewCustomer(name="老客户", phone=phone)
    made = await customer_service.create(second, new, now=NOW)
    lead_id = await ready_twin(tenant, phone)

    routed = await route(tenant, lead_id)

    assert (routed.person_id, codes(routed)) == (second.user_id, [Why.CUSTOMER_KNOWN])
    assert (await one(second, lead_id)).customer_id == made.id
    assert len((await customers.list_page(tenant.owner, Filters())).items) == 1


async def ready_twin(tenant: Tenant, phone: str) -> Any:
    """Keep a lead that is a customer already."""
    lead_id = await ready(tenant, phone=phone)
    assert (await one(tenant.manager, lead_id)).state is LeadState.SUSPECT
    await service.keep(tenant.manager, decide([lead_id]), now=NOW)
    return lead_id


async def test_s44_a_lead_whose_customer_was_deleted_brings_it_back_and_holds_up_no_other(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    lead_id = await offered(tenant)
    await service.give_back(tenant.rep, lead_id, Return(reason=ReturnReason.NO_NEED), now=NOW)
    customer_id = (await one(tenant.manager, lead_id)).customer_id
    assert customer_id is not None
    await customer_service.delete(tenant.owner, customer_id, base=None, now=NOW)
    behind = await ready(tenant)
    await phone.pull()

    await service.route_ready(tenant.manager, after=None, now=NOW)

    for each in (lead_id, behind):
        assert (await one(tenant.manager, each)).state is LeadState.OFFERED
    customer = await customers.one(tenant.owner, customer_id)
    assert customer.owner_id == phone.actor.user_id
    await phone.pull()
    assert phone.replica["lead", str(lead_id)]["customer_id"] == str(customer_id)


async def test_s44_a_lead_that_cannot_be_handed_off_holds_up_no_other(tenant: Tenant) -> None:
    taken, behind = await ready(tenant), await ready(tenant)
    another = NewCustomer(id=taken, name="别家")
    await customer_service.create(tenant.owner, another, now=NOW)

    await service.route_ready(tenant.manager, after=None, now=NOW)

    assert (await one(tenant.manager, taken)).state is LeadState.READY
    assert (await one(tenant.manager, behind)).state is LeadState.OFFERED


async def test_a_lead_follows_its_customer_into_the_one_it_is_merged_into(tenant: Tenant) -> None:
    lead_id = await offered(tenant)
    old = (await one(tenant.manager, lead_id)).customer_id
    assert old is not None
    into = (await customer_service.create(tenant.rep, NewCustomer(name="总店"), now=NOW)).id

    await merging.merge(tenant.rep, old, into, now=NOW)

    assert (await one(tenant.manager, lead_id)).customer_id == into


async def test_a_customer_of_a_lead_stays_when_what_is_old_is_thrown_away(tenant: Tenant) -> None:
    lead_id = await offered(tenant)
    customer_id = (await one(tenant.manager, lead_id)).customer_id
    assert customer_id is not None
    await customer_service.delete(tenant.owner, customer_id, base=None, now=NOW)

    await collection.collect(tenant.tenant_id, now=NOW + timedelta(days=100))

    assert (await one(tenant.manager, lead_id)).customer_id == customer_id


async def test_a_stranger_is_no_target(tenant: Tenant, rival: Tenant) -> None:
    lead_id = await ready(tenant)

    with pytest.raises(NotARouteTarget):
        await route(tenant, lead_id, rival.rep)
    with pytest.raises(NotFound):
        await route(rival, lead_id)


async def test_s68_open_leads_go_along_with_the_customers_of_who_hands_over(
    tenant: Tenant,
) -> None:
    heir = await a_rep(tenant)
    waiting, taken, dealt = [await offered(tenant) for _ in range(3)]
    for each in (taken, dealt):
        await service.accept(tenant.rep, each, now=NOW)
    await service.reached(tenant.rep, Stage.OPPORTUNITY, lead_id=dealt, at=NOW)
    before = [await one(tenant.owner, each) for each in (waiting, taken, dealt)]
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])

    done = await bulk.hand_over(tenant.manager, wanted, now=NOW)

    given = [await one(tenant.owner, each) for each in (waiting, taken, dealt)]
    assert [each.assignee_id for each in given] == [heir.user_id] * 2 + [tenant.rep.user_id]
    assert [each.accept_by for each in given] == [each.accept_by for each in before]
    assert (await queries.detail(tenant.owner, waiting)).events[-1].kind == "hand_over"
    with pytest.raises(NotFound):
        await service.accept(tenant.rep, waiting, now=NOW)
    await service.accept(heir, waiting, now=NOW)

    undone = await bulk.undo(tenant.manager, done.id, now=NOW)

    assert (undone.restored, undone.kept) == (5, 0)
    back = [await one(tenant.owner, each) for each in (waiting, taken, dealt)]
    assert [each.assignee_id for each in back] == [tenant.rep.user_id] * 3
    assert [each.state for each in back] == [LeadState.ACCEPTED] * 3
