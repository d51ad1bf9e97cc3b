"""Agents request benefits: issued within budget and limit, refused with a reason, once an id."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from server.access import Role, Scope
from server.audit import queries as audit
from server.benefits import queries
from server.benefits import service as benefits
from server.benefits.rules import (
    BenefitState,
    BudgetExhausted,
    CustomerLimitReached,
    ProgramClosed,
    ProgramNotOpen,
)
from server.benefits.schemas import BenefitFilters, RequestBenefit
from server.kit.errors import Forbidden, IdReused, NotFound
from server.settings import Settings
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

pytestmark = pytest.mark.usefixtures("database")


async def test_a_rep_requests_a_benefit_and_it_is_issued(tenant: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)

    view = await stories.request(tenant.rep, customer_id, program.id)

    assert (view.state, view.refusal_code) == (BenefitState.ISSUED, None)
    assert (view.amount_minor, view.currency) == (stories.AMOUNT, "CNY")
    assert view.requested_by == tenant.rep.user_id
    listed = await queries.benefits(tenant.rep, BenefitFilters(customer_id=customer_id))
    assert listed.items == [view]
    assert await queries.benefit(tenant.owner, view.id) == view


async def test_the_same_request_is_answered_the_same(tenant: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    first = await stories.request(tenant.rep, customer_id, program.id)

    later = NOW + timedelta(hours=3)
    again = await stories.request(
        tenant.rep, customer_id, program.id, request_id=first.id, now=later
    )

    assert again == first
    assert (await queries.program(stories.OPERATOR, program.id)).held_minor == stories.AMOUNT


async def test_the_same_id_for_something_else_is_refused(tenant: Tenant) -> None:
    program, other = await stories.make_program(), await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    first = await stories.request(tenant.rep, customer_id, program.id)

    with pytest.raises(IdReused):
        await stories.request(tenant.rep, customer_id, other.id, request_id=first.id)


async def test_twins_of_a_request_are_answered_alike(tenant: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    request_id = new_id()

    views = await asyncio.gather(
        *(
            stories.request(tenant.rep, customer_id, program.id, request_id=request_id)
            for _ in range(8)
        )
    )

    assert all(view == views[0] for view in views)
    assert (await queries.program(stories.OPERATOR, program.id)).held_minor == stories.AMOUNT


async def test_a_customer_receives_one_benefit_of_a_program(tenant: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    await stories.request(tenant.rep, customer_id, program.id)

    with pytest.raises(CustomerLimitReached):
        await stories.request(tenant.owner, customer_id, program.id)


async def test_a_spent_budget_refuses_for_good_under_that_id(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    one, other = [await stories.make_customer(tenant.rep, name) for name in ("春和", "景明")]
    await stories.request(tenant.rep, one, program.id)
    request_id = new_id()
    with pytest.raises(BudgetExhausted):
        await stories.request(tenant.rep, other, program.id, request_id=request_id)

    await stories.fund(program.id, stories.AMOUNT)

    with pytest.raises(BudgetExhausted):
        await stories.request(tenant.rep, other, program.id, request_id=request_id)
    [held] = (await queries.benefits(tenant.rep, BenefitFilters(customer_id=other))).items
    assert (held.state, held.refusal_code) == (BenefitState.REFUSED, "budget_exhausted")
    fresh = await stories.request(tenant.rep, other, program.id)
    assert fresh.state is BenefitState.ISSUED


async def test_a_program_is_requested_while_it_is_open(tenant: Tenant) -> None:
    program = await stories.make_program(
        opens_at=NOW + timedelta(days=1), closes_at=NOW + timedelta(days=2)
    )
    customer_id = await stories.make_customer(tenant.rep)

    with pytest.raises(ProgramNotOpen):
        await stories.request(tenant.rep, customer_id, program.id)
    with pytest.raises(ProgramClosed):
        await stories.request(tenant.rep, customer_id, program.id, now=NOW + timedelta(days=2))
    noon = NOW + timedelta(days=1, hours=12)
    view = await stories.request(tenant.rep, customer_id, program.id, now=noon)

    assert view.state is BenefitState.ISSUED
    offers = await queries.offers(tenant.rep, now=NOW)
    assert not next(offer for offer in offers if offer.id == program.id).is_open
    ended = await queries.offers(tenant.rep, now=NOW + timedelta(days=2))
    assert program.id not in {offer.id for offer in ended}


async def test_a_customer_out_of_sight_is_no_customer(tenant: Tenant, rival: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.owner)
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id(), scope=Scope.MINE)

    for actor, wanted in (
        (rival.owner, customer_id),
        (stranger, customer_id),
        (tenant.owner, new_id()),
    ):
        with pytest.raises(NotFound):
            await stories.request(actor, wanted, program.id)
        with pytest.raises(NotFound):
            await queries.benefits(actor, BenefitFilters(customer_id=wanted))
    with pytest.raises(NotFound):
        await stories.request(tenant.owner, customer_id, new_id())


async def test_a_rep_sees_the_benefits_of_customers_within_sight(
    tenant: Tenant, rival: Tenant
) -> None:
    program = await stories.make_program()
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id(), scope=Scope.MINE)
    mine = await stories.make_customer(tenant.rep, "临河小馆")
    view = await stories.request(tenant.rep, mine, program.id)

    assert (await queries.benefits(tenant.rep, BenefitFilters())).items == [view]
    assert (await queries.benefits(tenant.owner, BenefitFilters())).items == [view]
    for other in (stranger, rival.owner):
        assert (await queries.benefits(other, BenefitFilters())).items == []
        with pytest.raises(NotFound):
            await queries.benefit(other, view.id)


async def test_the_same_id_of_two_agents_is_two_requests(tenant: Tenant, rival: Tenant) -> None:
    program = await stories.make_program()
    request_id = new_id()

    for company in (tenant, rival):
        customer_id = await stories.make_customer(company.rep)
        view = await stories.request(company.rep, customer_id, program.id, request_id=request_id)
        assert view.state is BenefitState.ISSUED

    assert (await queries.program(stories.OPERATOR, program.id)).held_minor == 2 * stories.AMOUNT


async def test_the_platforms_staff_request_nothing(tenant: Tenant) -> None:
    program = await stories.make_program()

    with pytest.raises(Forbidden):
        await stories.request(make_platform_actor(), new_id(), program.id)


async def test_a_list_is_paged_without_gap_or_double(tenant: Tenant) -> None:
    program = await stories.make_program(7)
    made = []
    for number in range(7):
        customer_id = await stories.make_customer(tenant.rep, f"第{number}家")
        later = NOW + timedelta(minutes=number // 2)
        made.append((await stories.request(tenant.rep, customer_id, program.id, now=later)).id)

    seen = []
    cursor = None
    while True:
        page = await queries.benefits(tenant.rep, BenefitFilters(), cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    assert Counter(item.id for item in seen) == Counter(made)
    assert [item.requested_at for item in seen] == sorted(
        (item.requested_at for item in seen), reverse=True
    )


async def test_agents_with_a_part_of_their_own_draw_on_it(
    tenant: Tenant, rival: Tenant, database: Settings
) -> None:
    await stories.admit(tenant)
    program = await stories.make_program(5)
    await stories.allocate(program.id, tenant.tenant_id, stories.AMOUNT)
    customers = [await stories.make_customer(tenant.rep, name) for name in ("一得", "二喜")]

    await stories.request(tenant.rep, customers[0], program.id)
    with pytest.raises(BudgetExhausted):
        await stories.request(tenant.rep, customers[1], program.id)
    others = await stories.make_customer(rival.rep)
    await stories.request(rival.rep, others, program.id)

    pool, part = await queries.allocations(stories.OPERATOR, program.id, now=NOW)
    assert (pool.agent_id, pool.held_minor, pool.available_minor) == (
        None,
        stories.AMOUNT,
        3 * stories.AMOUNT,
    )
    assert (part.agent_id, part.held_minor, part.available_minor) == (
        tenant.tenant_id,
        stories.AMOUNT,
        0,
    )
    [line, *_] = (await audit.platform_reads(tenant.owner)).items
    assert line.what == "benefits.allocations"


async def test_each_decision_leaves_a_line_in_the_agents_trail(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    customer_id = await stories.make_customer(tenant.rep)
    issued = await stories.request(tenant.rep, customer_id, program.id)
    with pytest.raises(CustomerLimitReached):
        await stories.request(tenant.rep, customer_id, program.id)
    await stories.request(tenant.rep, customer_id, program.id, request_id=issued.id)

    lines = (await audit.entries(tenant.owner)).items
    told = Counter(line.action for line in lines if line.action.startswith("benefit."))
    assert told == {"benefit.issued": 1, "benefit.refused": 1}


async def test_a_refusal_can_be_told_without_an_exception(tenant: Tenant) -> None:
    program = await stories.make_program(0)
    customer_id = await stories.make_customer(tenant.rep)
    asked = RequestBenefit(id=new_id(), customer_id=customer_id, program_id=program.id)

    view = await benefits.submit(tenant.rep, asked, now=NOW)

    assert (view.state, view.refusal_code) == (BenefitState.REFUSED, "budget_exhausted")
