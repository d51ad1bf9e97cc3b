"""A phone promises with what it holds: the promise is kept, whatever happened since."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from billing.escrow import rules as terms
from billing.escrow import service as leasing
from billing.escrow.schemas import Ask
from billing.money import Money
from server.access import Scope
from server.benefits import queries
from server.benefits.escrow import queries as escrow
from server.benefits.escrow import rules, service
from server.benefits.escrow.schemas import Recall
from server.benefits.reviews import service as reviews
from server.benefits.reviews.rules import BenefitInReview, Verdict
from server.benefits.reviews.schemas import ReviewDecision
from server.benefits.rules import BenefitState
from server.benefits.schemas import BenefitFilters
from server.benefits.vouchers import service as vouchers
from server.changelog import service as changelog
from server.customers import service as customers
from server.kit import db, ids
from server.kit.errors import Invalid, NotFound
from server.settings import Settings
from sync_protocol.messages import Intent, Outcome, Status
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories
from tests.server.sync.devices import Device, make_device

RELEASE = ReviewDecision(verdict=Verdict.RELEASE, reason="两位同事各自答应了老客户")


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep whose company the platform knows."""
    await stories.admit(tenant)
    return await make_device(database, tenant)


async def own_program(phone: Device, units: int, **terms_: Any) -> UUID:
    """Open a program with an allocation for the phone's company."""
    program = await stories.make_program(units, **terms_)
    await stories.allocate(program.id, phone.actor.tenant_id, units * stories.AMOUNT)
    return program.id


def leases(phone: Device, program_id: UUID, count: int, *, lease_id: UUID | None = None) -> Intent:
    """Write the intent to hold so many units."""
    return _intent(phone, "benefits.lease", lease_id, program_id=str(program_id), count=count)


def promises(
    phone: Device,
    program_id: UUID,
    customer_id: UUID,
    unit_id: str,
    *,
    request_id: UUID | None = None,
) -> Intent:
    """Write the intent to request what was promised."""
    args = {"program_id": program_id, "customer_id": customer_id, "unit_id": unit_id}
    told = {name: str(value) for name, value in args.items()}
    return _intent(phone, "benefits.request", request_id, **told)


def _intent(phone: Device, name: str, intent_id: UUID | None, **args: Any) -> Intent:
    phone.number += 1
    return Intent(number=phone.number, id=str(intent_id or new_id()), name=name, args=args, at_ms=0)


async def held(phone: Device, program_id: UUID, count: int) -> list[str]:
    """Lease, and give the units."""
    outcome = await phone.outcome(leases(phone, program_id, count))
    units: list[str] = outcome.told["unit_ids"]
    return units


def refusal(outcome: Outcome) -> str:
    """Give why an op was refused."""
    assert outcome.status is Status.REJECTED
    return outcome.code


async def test_a_lease_tells_what_the_phone_holds(phone: Device) -> None:
    program_id = await own_program(phone, 10)

    first = await phone.outcome(leases(phone, program_id, 3))
    more = await phone.outcome(leases(phone, program_id, 4))

    assert first.told == {
        "program_id": str(program_id),
        "unit_ids": first.told["unit_ids"],
        "until_ms": first.told["until_ms"],
        "amount_minor": stories.AMOUNT,
        "currency": "CNY",
        "limit_per_customer": 1,
    }
    assert (len(first.told["unit_ids"]), len(more.told["unit_ids"])) == (3, 4)
    assert set(first.told["unit_ids"]) < set(more.told["unit_ids"])
    view = await queries.program(stories.OPERATOR, program_id)
    assert (view.held_minor, view.available_minor) == (4 * stories.AMOUNT, 6 * stories.AMOUNT)


async def test_a_promise_is_kept_when_the_budget_is_spent_the_rules_are_new_and_it_is_late(
    phone: Device, tenant: Tenant
) -> None:
    program_id = await own_program(phone, 2, closes_at=NOW + timedelta(hours=1))
    [unit] = await held(phone, program_id, 1)
    customer_id, other = [await stories.make_customer(phone.actor) for _ in range(2)]
    await stories.request(tenant.owner, other, program_id)
    phone.now += timedelta(hours=20)

    asked = promises(phone, program_id, customer_id, unit)
    outcome = await phone.outcome(asked)

    assert outcome.status is Status.APPLIED
    view = await queries.benefit(phone.actor, UUID(asked.id))
    assert view.state is BenefitState.ISSUED
    program = await queries.program(stories.OPERATOR, program_id)
    assert (program.held_minor, program.available_minor) == (2 * stories.AMOUNT, 0)


async def test_a_lost_answer_is_told_again_and_brings_no_more(phone: Device) -> None:
    program_id = await own_program(phone, 10)
    lease = leases(phone, program_id, 2)
    first = await phone.outcome(lease)
    promise = promises(
        phone, program_id, await stories.make_customer(phone.actor), first.told["unit_ids"][0]
    )
    given = await phone.outcome(promise)

    again = await phone.push(lease, promise)

    assert list(again.outcomes) == [first, given]
    held_minor = (await queries.program(stories.OPERATOR, program_id)).held_minor
    assert held_minor == 2 * stories.AMOUNT


async def test_a_lease_that_comes_under_another_number_gives_no_unit_twice(
    phone: Device,
) -> None:
    program_id, lease_id = await own_program(phone, 20), new_id()
    first = await phone.outcome(leases(phone, program_id, 2, lease_id=lease_id))
    units = first.told["unit_ids"]
    derived = rules.unit_ids(phone.actor.tenant_id, lease_id)
    assert set(units) == {str(each) for each in derived[:2]}
    customer_id = await stories.make_customer(phone.actor)
    await phone.outcome(promises(phone, program_id, customer_id, units[0]))

    again = await phone.outcome(leases(phone, program_id, 2, lease_id=lease_id))

    assert units[0] not in again.told["unit_ids"]
    assert units[1] in again.told["unit_ids"]
    assert len(again.told["unit_ids"]) == 2


async def test_two_companies_may_use_the_same_id_for_a_lease(
    database: Settings, phone: Device, rival: Tenant
) -> None:
    await stories.admit(rival)
    others, lease_id = await make_device(database, rival), new_id()
    own = [(each, await own_program(each, 10)) for each in (phone, others)]

    told = [
        await each.outcome(leases(each, program_id, 3, lease_id=lease_id))
        for each, program_id in own
    ]

    mine, theirs = [set(each.told["unit_ids"]) for each in told]
    assert (len(mine), len(theirs), mine & theirs) == (3, 3, set())


async def test_units_that_stand_keep_their_ids_however_they_were_made(phone: Device) -> None:
    program_id, lease_id = await own_program(phone, 10), new_id()
    assert phone.actor.device_id is not None
    stands = [new_id(), new_id()]
    wish = Ask(
        agent_id=phone.actor.tenant_id,
        program_id=program_id,
        person_id=phone.actor.user_id,
        device_id=phone.actor.device_id,
        count=2,
        amount=Money(stories.AMOUNT, "CNY"),
        until=terms.leased_until(NOW, None),
    )
    async with db.tenant_transaction(phone.actor.tenant_id):
        await leasing.lease(wish, unit_ids=stands, group_id=new_id(), now=NOW)

    again = await phone.outcome(leases(phone, program_id, 2, lease_id=lease_id))

    assert set(again.told["unit_ids"]) == {str(each) for each in stands}


async def test_a_promise_under_the_same_id_for_another_customer_is_refused(
    phone: Device, tenant: Tenant
) -> None:
    program_id, request_id = await own_program(phone, 10), new_id()
    units = await held(phone, program_id, 2)
    one, other = [await stories.make_customer(phone.actor) for _ in range(2)]
    await phone.outcome(promises(phone, program_id, one, units[0], request_id=request_id))

    altered = await phone.outcome(
        promises(phone, program_id, other, units[1], request_id=request_id)
    )

    assert refusal(altered) == "id_reused"
    [out] = await escrow.units_out(tenant.owner)
    assert out.count == 1


async def test_a_unit_that_is_spent_makes_a_request_like_any_other(phone: Device) -> None:
    program_id = await own_program(phone, 2)
    [unit] = await held(phone, program_id, 1)
    people = [await stories.make_customer(phone.actor) for _ in range(3)]

    told = [
        await phone.outcome(promises(phone, program_id, customer_id, unit))
        for customer_id in people
    ]

    assert [outcome.status for outcome in told[:2]] == [Status.APPLIED, Status.APPLIED]
    assert refusal(told[2]) == "budget_exhausted"


async def test_nobody_spends_what_somebody_else_holds(
    database: Settings, phone: Device, tenant: Tenant, rival: Tenant
) -> None:
    program_id = await own_program(phone, 2)
    [unit] = await held(phone, program_id, 1)
    await stories.request(tenant.owner, await stories.make_customer(phone.actor), program_id)
    colleague, stranger = [await make_device(database, each) for each in (tenant, rival)]

    for thief in (colleague, stranger):
        customer_id = await stories.make_customer(thief.actor)
        theft = await thief.outcome(promises(thief, program_id, customer_id, unit))
        assert refusal(theft) == "budget_exhausted"

    customer_id = await stories.make_customer(phone.actor)
    kept = await phone.outcome(promises(phone, program_id, customer_id, unit))
    assert kept.status is Status.APPLIED


async def test_a_promise_is_kept_for_a_customer_who_is_out_of_sight_by_now(
    phone: Device, tenant: Tenant
) -> None:
    program_id = await own_program(phone, 2)
    [unit] = await held(phone, program_id, 1)
    customer_id = await stories.make_customer(phone.actor)
    await customers.delete(tenant.owner, customer_id, base=changelog.base_of_now(), now=NOW)

    kept = await phone.outcome(promises(phone, program_id, customer_id, unit))

    assert kept.status is Status.APPLIED


async def test_without_an_allocation_nothing_is_leased(phone: Device) -> None:
    program = await stories.make_program(100)

    assert refusal(await phone.outcome(leases(phone, program.id, 1))) == "lease_needs_allocation"


async def test_who_may_lease_no_more_hears_another_word_than_where_nothing_is_left(
    database: Settings, phone: Device, tenant: Tenant
) -> None:
    other = await make_device(database, tenant)
    program_id = await own_program(phone, 4)
    await held(phone, program_id, 2)

    half_stands = await other.outcome(leases(other, program_id, 1))
    for _ in range(2):
        await stories.request(tenant.owner, await stories.make_customer(tenant.owner), program_id)
    nothing_left = await other.outcome(leases(other, program_id, 1))

    assert refusal(half_stands) == "lease_limit_reached"
    assert refusal(nothing_left) == "budget_exhausted"


async def test_who_gave_back_all_that_a_device_may_hold_leases_again_once_it_is_released(
    phone: Device,
) -> None:
    program_id = await own_program(phone, 100)
    await held(phone, program_id, terms.UNITS_MAX)
    await phone.outcome(leases(phone, program_id, 0))

    too_soon = await phone.outcome(leases(phone, program_id, 1))
    await service.release(NOW)
    later = await phone.outcome(leases(phone, program_id, 1))

    assert refusal(too_soon) == "lease_limit_reached"
    assert later.status is Status.APPLIED


@pytest.mark.parametrize("args", [{}, {"count": 21}, {"count": -1}, {"count": 1.5}])
async def test_a_lease_that_says_nonsense_is_refused(phone: Device, args: dict[str, Any]) -> None:
    program_id = await own_program(phone, 2)

    outcome = await phone.outcome(
        _intent(phone, "benefits.lease", None, program_id=str(program_id), **args)
    )

    assert refusal(outcome) == "invalid"


@pytest.mark.parametrize("made", [timedelta(days=1, hours=1), -timedelta(days=31)])
async def test_a_lease_whose_id_is_of_another_time_chooses_no_places_in_lists(
    phone: Device, made: timedelta
) -> None:
    program_id = await own_program(phone, 10)
    undated = ids.new_id(NOW + made)

    with pytest.raises(Invalid) as refused:
        await service.lease(phone.actor, program_id, 1, lease_id=undated, now=NOW)
    outcome = await phone.outcome(leases(phone, program_id, 1, lease_id=undated))
    back = await phone.outcome(leases(phone, program_id, 0, lease_id=undated))

    assert refused.value.field == "id"
    assert refusal(outcome) == "invalid"
    assert back.status is Status.APPLIED


@pytest.mark.parametrize("made", [timedelta(hours=23), -timedelta(days=29)])
async def test_a_lease_may_have_waited_and_a_clock_may_be_a_little_wrong(
    phone: Device, made: timedelta
) -> None:
    program_id = await own_program(phone, 10)

    leased = leases(phone, program_id, 1, lease_id=ids.new_id(NOW + made))

    assert (await phone.outcome(leased)).status is Status.APPLIED


async def test_an_owner_calls_units_back_and_the_phone_gives_them_back(
    phone: Device, tenant: Tenant
) -> None:
    program_id, owner = await own_program(phone, 10), tenant.owner
    units = await held(phone, program_id, 3)
    assert phone.actor.device_id is not None
    wanted = Recall(program_id=program_id, device_id=phone.actor.device_id)

    await service.recall(owner, wanted, now=NOW)
    await service.recall(owner, wanted, now=NOW)

    [out] = await escrow.units_out(owner)
    assert (out.count, out.is_recalled, out.amount_minor) == (3, True, 3 * stories.AMOUNT)
    assert refusal(await phone.outcome(leases(phone, program_id, 3))) == "lease_recalled"
    customer_id = await stories.make_customer(phone.actor)
    kept = await phone.outcome(promises(phone, program_id, customer_id, units[0]))
    assert kept.status is Status.APPLIED
    await phone.outcome(leases(phone, program_id, 0))
    await service.release(NOW)
    assert await escrow.units_out(owner) == []
    held_minor = (await queries.program(stories.OPERATOR, program_id)).held_minor
    assert held_minor == stories.AMOUNT


async def test_an_owner_calls_nothing_back_of_another_company(
    phone: Device, tenant: Tenant, rival: Tenant
) -> None:
    program_id = await own_program(phone, 4)
    await held(phone, program_id, 1)
    assert phone.actor.device_id is not None

    with pytest.raises(NotFound):
        await service.recall(
            rival.owner, Recall(program_id=program_id, device_id=phone.actor.device_id), now=NOW
        )

    [out] = await escrow.units_out(tenant.owner)
    assert not out.is_recalled


async def test_what_is_over_for_a_day_is_available_again(phone: Device) -> None:
    program_id = await own_program(phone, 4)
    await held(phone, program_id, 2)

    await service.release(phone.now + terms.LEASED_FOR + terms.GRACE)

    view = await queries.program(stories.OPERATOR, program_id)
    assert (view.held_minor, view.available_minor) == (0, 4 * stories.AMOUNT)


async def test_pushes_that_lease_and_promise_in_opposite_orders_both_go_through(
    database: Settings, phone: Device, tenant: Tenant
) -> None:
    other = await make_device(database, tenant)
    programs = [await own_program(phone, 200) for _ in range(2)]
    people = [await stories.make_customer(each.actor) for each in (phone, other)]
    for _ in range(8):
        answers = await asyncio.gather(
            *(
                each.push(
                    *(
                        op
                        for program_id in order
                        for op in (
                            leases(each, program_id, 4),
                            promises(each, program_id, customer_id, str(new_id())),
                        )
                    )
                )
                for each, customer_id, order in (
                    (phone, people[0], programs),
                    (other, people[1], programs[::-1]),
                )
            )
        )
        assert [len(answer.outcomes) for answer in answers] == [4, 4]


async def test_what_colleagues_promise_one_customer_beyond_its_limit_is_kept_and_looked_at(
    database: Settings, phone: Device, tenant: Tenant
) -> None:
    colleagues = [phone, *[await make_device(database, tenant) for _ in range(3)]]
    program_id = await own_program(phone, 20)
    customer_id = await stories.make_customer(tenant.owner)
    units = [(each, (await held(each, program_id, 1))[0]) for each in colleagues]

    asked = []
    for each, unit in units[:3]:
        asked.append(promises(each, program_id, customer_id, unit))
        assert (await each.outcome(asked[-1])).status is Status.APPLIED
    await reviews.screen(NOW)

    states = [await _state(tenant, op) for op in asked]
    assert states == [BenefitState.ISSUED, BenefitState.IN_REVIEW, BenefitState.IN_REVIEW]
    await vouchers.code_of(tenant.owner, UUID(asked[0].id), now=NOW)
    with pytest.raises(BenefitInReview):
        await vouchers.code_of(tenant.owner, UUID(asked[1].id), now=NOW)

    # One of them was in order; the next one is looked at all the same.
    in_review = UUID(asked[1].args["unit_id"])
    await reviews.decide(make_platform_actor(), in_review, RELEASE, now=NOW)
    last = promises(units[3][0], program_id, customer_id, units[3][1])
    await units[3][0].outcome(last)
    await reviews.screen(NOW)
    assert await _state(tenant, last) is BenefitState.IN_REVIEW


async def _state(tenant: Tenant, asked: Intent) -> BenefitState:
    """Say what became of a promise."""
    return (await queries.benefit(tenant.owner, UUID(asked.id))).state


async def test_a_unit_opens_no_other_program(database: Settings, tenant: Tenant) -> None:
    await stories.admit(tenant)
    phone = await make_device(database, tenant, scope=Scope.MINE)
    leased, other = [await own_program(phone, 4) for _ in range(2)]
    [unit] = await held(phone, leased, 1)
    out_of_sight = await stories.make_customer(tenant.owner)

    outcome = await phone.outcome(promises(phone, other, out_of_sight, unit))

    assert refusal(outcome) == "not_found"
    assert (await queries.program(stories.OPERATOR, other)).held_minor == 0
    page = await queries.benefits(tenant.owner, BenefitFilters(customer_id=out_of_sight))
    assert page.items == []


async def test_a_promise_beyond_what_one_may_have_needs_sight_as_each_request_does(
    database: Settings, tenant: Tenant
) -> None:
    await stories.admit(tenant)
    phone = await make_device(database, tenant, scope=Scope.MINE)
    program_id = await own_program(phone, 8)
    units = await held(phone, program_id, 2)
    out_of_sight = await stories.make_customer(tenant.owner)
    await phone.outcome(promises(phone, program_id, out_of_sight, units[0]))

    outcome = await phone.outcome(promises(phone, program_id, out_of_sight, units[1]))

    assert refusal(outcome) == "not_found"


async def test_a_kept_promise_that_comes_under_another_number_is_answered_the_same(
    database: Settings, tenant: Tenant
) -> None:
    await stories.admit(tenant)
    phone = await make_device(database, tenant, scope=Scope.MINE)
    program_id, request_id = await own_program(phone, 4), new_id()
    [unit] = await held(phone, program_id, 1)
    out_of_sight = await stories.make_customer(tenant.owner)

    told = [
        await phone.outcome(promises(phone, program_id, out_of_sight, unit, request_id=request_id))
        for _ in range(2)
    ]

    assert [each.status for each in told] == [Status.APPLIED, Status.APPLIED]
    program = await queries.program(stories.OPERATOR, program_id)
    assert program.held_minor == stories.AMOUNT


async def test_nobody_promises_beyond_what_one_may_have_and_requested_without_a_unit(
    phone: Device, tenant: Tenant
) -> None:
    program_id = await own_program(phone, 10)
    units = await held(phone, program_id, 2)
    mine, anothers = [await stories.make_customer(phone.actor) for _ in range(2)]
    await stories.request(phone.actor, mine, program_id)
    await stories.request(tenant.owner, anothers, program_id)

    known = await phone.outcome(promises(phone, program_id, mine, units[0]))
    unknown = await phone.outcome(promises(phone, program_id, anothers, units[1]))

    assert refusal(known) == "customer_limit_reached"
    assert unknown.status is Status.APPLIED


async def test_who_leases_and_gives_back_over_and_over_keeps_no_more_from_others(
    phone: Device,
) -> None:
    program_id = await own_program(phone, 100)
    for _ in range(3):
        await phone.outcome(leases(phone, program_id, terms.UNITS_MAX - 5))
        await phone.outcome(leases(phone, program_id, 0))

    view = await queries.program(stories.OPERATOR, program_id)
    assert view.held_minor == terms.UNITS_MAX * stories.AMOUNT
    await service.release(NOW)
    assert len(await held(phone, program_id, terms.UNITS_MAX)) == terms.UNITS_MAX
