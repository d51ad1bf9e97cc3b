"""Disputes of three and more: who names two customers, who leaves, who appeals."""

from datetime import datetime
from uuid import UUID

import pytest

from server.activities import service as activities
from server.activities.schemas import NewVisit
from server.customers import service as customers
from server.customers.schemas import CustomerEdit, NewStore
from server.identity import keys
from server.registrations import queries, service
from server.registrations.rules.states import EvidenceOfAnother, NotAParty
from server.registrations.schemas import Appeal, Evidence, NewVerdict, Show, Word
from server.registrations.service import protection
from server.settings import Settings
from sync_protocol.registering import LIVE, State
from tests.factories import NOW, Tenant, make_tenant
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import (
    DAY,
    HOUR,
    OPERATOR,
    SETTLED,
    Dispute,
    at,
    decide,
    make_shop,
    new_phone,
    register,
    seen,
    work,
)

LATER = SETTLED + HOUR


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Five agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(5)]


async def bridge(tenant: Tenant, one: str, other: str) -> UUID:
    """Let somebody make up a customer that has the phones of two."""
    shop = await make_shop(tenant.rep, one)
    await customers.add_store(tenant.rep, shop, NewStore(phone=other), now=NOW)
    return shop


async def stand(now: datetime, *told: tuple[Tenant, UUID]) -> list[State]:
    """Give how registrations stand."""
    return [(await seen(tenant.owner, each, now=now)).state for tenant, each in told]


async def test_who_names_two_customers_unseats_neither_in_a_case(rivals: list[Tenant]) -> None:
    """One case of three: both who are protected stay so, since they do not meet."""
    left, right, maker = rivals[:3]
    phones = new_phone(), new_phone()
    one = await register(left.rep, phones[0], made=at(NOW))
    other = await register(right.rep, phones[1], made=at(NOW + HOUR))
    await work(SETTLED)
    made_up = await bridge(maker, *phones)
    theirs = await register(maker.rep, customer_id=made_up, made=at(SETTLED), now=SETTLED)
    await work(SETTLED)
    if (await stand(SETTLED, (maker, theirs))) == [State.REFUSED]:
        await decide(maker.rep, theirs, "contest", now=LATER)
        await work(LATER)

    await work(SETTLED + 12 * DAY)

    told = await stand(SETTLED + 12 * DAY, (left, one), (right, other), (maker, theirs))
    assert told == [State.GRANTED, State.GRANTED, State.REFUSED]


async def test_an_arbitrator_decides_for_one_and_the_rules_for_whom_it_does_not_meet(
    rivals: list[Tenant],
) -> None:
    """Deciding against the bridge's one end leaves the other end as it was."""
    left, right, maker = rivals[:3]
    phones = new_phone(), new_phone()
    one = await register(left.rep, phones[0], made=at(NOW))
    other = await register(right.rep, phones[1], made=at(NOW))
    await work(SETTLED)
    made_up = await bridge(maker, *phones)
    theirs = await register(maker.rep, customer_id=made_up, made=at(NOW), now=SETTLED)
    await work(SETTLED)
    case_id = (await seen(maker.rep, theirs, now=SETTLED)).case_id
    assert case_id is not None

    asked = NewVerdict(winner_id=other, reason="客户确认")
    await service.rule(OPERATOR, case_id, asked, now=SETTLED + 6 * DAY)
    await work(SETTLED + 6 * DAY)

    told = await stand(SETTLED + 6 * DAY, (left, one), (right, other), (maker, theirs))
    assert told == [State.GRANTED, State.GRANTED, State.REFUSED]


async def test_nobody_is_taken_out_of_its_case_by_who_stands_against_two(
    rivals: list[Tenant],
) -> None:
    """Two open cases go on; whatever comes, of two that meet one is protected."""
    first, second = Dispute(*rivals[:2]), Dispute(*rivals[2:4])
    await first.begin()
    await second.begin()
    phones = first.phone, second.phone
    theirs = await register(
        rivals[4].rep, customer_id=await bridge(rivals[4], *phones), made=at(NOW), now=LATER
    )
    await work(LATER)

    for case in (first, second):
        assert (await seen(case.holder.rep, case.held, now=LATER)).case_id == case.case_id
    for day in range(1, 26):
        await work(SETTLED + day * DAY)
        now = SETTLED + day * DAY
        states = [*await first.states(now), *await second.states(now)]
        [made_up] = await stand(now, (rivals[4], theirs))
        if made_up in LIVE:
            assert not LIVE & set(states)
        assert sum(each in LIVE for each in states[:2]) <= 1
        assert sum(each in LIVE for each in states[2:]) <= 1
    assert State.CONTESTED not in {made_up, *states}
    assert LIVE & {made_up, *states[:2]}
    assert LIVE & {made_up, *states[2:]}


async def test_who_has_left_is_decided_for_by_nobody(rivals: list[Tenant]) -> None:
    """Neither an arbitrator nor the customer's word names it."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin()
    third = await register(rivals[2].rep, dispute.phone, made=at(NOW), now=SETTLED)
    await work(SETTLED)
    await decide(rivals[2].rep, third, "release", now=SETTLED)
    await work(SETTLED)

    with pytest.raises(NotAParty):
        await dispute.rule(third, "因为", now=SETTLED + 6 * DAY)
    with pytest.raises(NotAParty):
        await service.hear(OPERATOR, dispute.case_id, Word(registration_id=third), now=SETTLED)


async def test_who_wins_and_leaves_before_the_worker_heard_leaves_the_other_protected(
    rivals: list[Tenant],
) -> None:
    """Nobody waits in a case that is over."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW - HOUR)
    later = SETTLED + 6 * DAY
    await service.rule(
        OPERATOR, dispute.case_id, NewVerdict(winner_id=dispute.held, reason="因为"), now=later
    )
    await protection.release(dispute.held, now=later)
    await work(later)

    assert await dispute.states(later) == (State.RELEASED, State.GRANTED)


async def test_an_appeal_opens_the_case_for_all_who_lost_and_have_not_left(
    rivals: list[Tenant],
) -> None:
    """Who appeals first does not use up the appeal of the other."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW - HOUR)
    third = await register(rivals[2].rep, dispute.phone, made=at(NOW), now=SETTLED)
    await work(SETTLED)
    later = SETTLED + 6 * DAY
    await dispute.rule(dispute.claimed, now=later)
    await service.appeal(rivals[2].rep, third, Appeal(reason="我们先到"), now=later)
    await work(later)
    await decide(rivals[2].rep, third, "release", now=later)
    await work(later)

    assert (await dispute.states(later))[0] is State.CONTESTED
    with pytest.raises(NotAParty):
        await dispute.rule(third, "因为", now=later)


async def test_who_was_protected_before_a_wrong_verdict_was_so_in_the_appeal(
    rivals: list[Tenant],
) -> None:
    """A registration made later loses by the live one, whatever the first verdict said."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(SETTLED)
    if (await dispute.states(SETTLED))[1] is State.REFUSED:
        await decide(dispute.challenger.rep, dispute.claimed, "contest", now=SETTLED)
        await work(SETTLED)
    before = (await queries.of_registration(dispute.holder.rep, dispute.held, now=SETTLED)).id
    dispute.case_id = before
    await dispute.rule(dispute.claimed, "弄错了", now=SETTLED + 6 * DAY)
    wrong = await dispute.states(SETTLED + 6 * DAY)
    await service.appeal(
        dispute.holder.rep, dispute.held, Appeal(reason="我们受保护"), now=SETTLED + 7 * DAY
    )
    await work(SETTLED + 30 * DAY)

    assert wrong == (State.REVOKED, State.GRANTED)
    assert await dispute.states(SETTLED + 30 * DAY) == (State.GRANTED, State.REVOKED)
    view = await queries.of_registration(dispute.holder.rep, dispute.held, now=SETTLED + 30 * DAY)
    assert view.trace_en[-1].endswith("(live registration).")


async def test_evidence_from_before_the_customer_was_known_by_this_phone_is_shown_only(
    rivals: list[Tenant],
) -> None:
    """An old customer that is given a rival's phone brings no old contract along."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW)
    rep = rivals[2].rep
    shop = await make_shop(rep, new_phone())
    paper = await contracts.write(rep, customer_id=shop, now=NOW - 300 * DAY)
    await customers.edit(rep, shop, CustomerEdit(phone=dispute.phone), now=SETTLED)
    theirs = await register(rep, customer_id=shop, made=at(NOW), now=SETTLED)
    await work(SETTLED)

    show = Show(evidence=Evidence(kind="contract", record_id=paper))
    view = await service.show(rep, theirs, show, now=SETTLED)
    await work(SETTLED)
    case = await queries.case(OPERATOR, view.id, now=SETTLED)

    assert [each.is_vouched for each in case.evidence] == [False]


async def test_a_visit_counts_from_when_it_was_written_down_and_not_before_it_happened(
    rivals: list[Tenant],
) -> None:
    """Whatever time is typed into it."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW)
    rep = dispute.challenger.rep
    shop = dispute.shop
    typed, ahead = [
        (await activities.add_visit(rep, shop, NewVisit(checked_in_at=at_), now=SETTLED)).id
        for at_ in (NOW - 300 * DAY, SETTLED + DAY)
    ]

    early = Show(evidence=Evidence(kind="visit", record_id=ahead))
    with pytest.raises(EvidenceOfAnother):
        await service.show(rep, dispute.claimed, early, now=SETTLED)
    show = Show(evidence=Evidence(kind="visit", record_id=typed))
    await service.show(rep, dispute.claimed, show, now=SETTLED)
    await work(SETTLED)
    case = await queries.case(OPERATOR, dispute.case_id, now=SETTLED)

    assert [each.happened_at for each in case.evidence] == [SETTLED]
