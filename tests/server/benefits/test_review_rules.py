"""What looks like fraud is found in rings that are known, and honest people are left alone."""

import random
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.benefits.reviews import rules, words
from server.benefits.reviews.clusters import components
from server.benefits.reviews.rules import (
    Guards,
    OwnReview,
    Raised,
    ReviewDecided,
    ReviewState,
    Signal,
    Trace,
    Verdict,
)
from tests.factories import NOW
from world import rings

USUAL = Guards()
PERSON, AGENT = uuid4(), uuid4()


def _trace(
    minutes: float = 0,
    *,
    phones: tuple[str, ...] = (),
    person: UUID = PERSON,
    device: str | None = None,
    is_approved: bool = False,
    used_after: float | None = None,
) -> Trace:
    """Write a benefit for a new customer."""
    issued_at = NOW - timedelta(days=1) + timedelta(minutes=minutes)
    return Trace(
        id=uuid4(),
        agent_id=AGENT,
        person_id=person,
        customer=uuid4().hex,
        phones=phones,
        device=device,
        is_staff=False,
        is_approved=is_approved,
        issued_at=issued_at,
        used_at=None if used_after is None else issued_at + timedelta(minutes=used_after),
    )


def _seen(traces: list[Trace], guards: Guards = USUAL) -> list[set[Signal]]:
    """Give the signals of each."""
    found = rules.screen(traces, guards, now=NOW)
    return [{raised.signal for raised in found.get(each.id, [])} for each in traces]


@pytest.mark.parametrize("seed", [6])
def test_rings_are_found_and_honest_people_left_alone(seed: int) -> None:
    found = rings.screened(rings.channel(seed, agents=12), USUAL)

    assert found.rings_found / found.rings >= 0.95
    assert found.recall >= 0.9
    assert found.false_holds <= 0.01


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_components_are_what_can_be_walked_to(pairs: list[tuple[int, int]]) -> None:
    found = components(pairs)

    assert sorted(one for each in found for one in each) == sorted({n for p in pairs for n in p})
    for each in found:
        reached = {min(each)}
        for _ in each:
            reached |= {n for pair in pairs if reached & set(pair) for n in pair}
        assert reached == each


@given(
    st.lists(st.integers(0, 240), min_size=1, max_size=40),
    st.integers(0, 8),
    st.integers(5, 90),
)
def test_a_burst_is_whoever_lies_in_a_window_with_too_many(
    minutes: list[int], limit: int, window: int
) -> None:
    traces = [_trace(at) for at in minutes]
    guards = Guards(window_minutes=window, person_max=limit, agent_max=1_000, device_max=1_000)

    crowded = {
        each
        for begins in minutes
        if len(inside := [n for n, at in enumerate(minutes) if begins <= at < begins + window])
        > limit
        for each in inside
    }
    seen = _seen(traces, guards)
    assert {n for n, each in enumerate(seen) if Signal.BURST_PERSON in each} == crowded


def test_each_sort_of_ring_has_its_signal_and_its_border() -> None:
    shops = [_trace(n * 90, phones=("shop",)) for n in range(USUAL.phone_customers_max)]
    assert not any(_seen(shops))
    assert all(Signal.SHARED_PHONE in each for each in _seen([*shops, _trace(phones=("shop",))]))

    chain = [_trace(n * 90, phones=(f"p{n}", f"p{n + 1}")) for n in range(5)]
    assert all(each == {Signal.RING} for each in _seen(chain))
    assert not any(_seen(chain[:-1]))
    assert not any(_seen([chain[0], chain[1], chain[3], chain[4]]))

    people = [uuid4() for _ in range(USUAL.device_people_max + 1)]
    farm = [_trace(n * 90, person=each, device="one") for n, each in enumerate(people)]
    assert all(each == {Signal.SHARED_DEVICE} for each in _seen(farm))
    assert not any(_seen(farm[:-1]))
    # One person's own device links nobody.
    assert not any(_seen([_trace(n * 90, device="own") for n in range(9)]))

    quick = [_trace(n * 2, used_after=1) for n in range(5)]
    assert _seen(quick)[-1] == {Signal.INSTANT_USE}
    assert not any(_seen([_trace(n * 2, used_after=600) for n in range(5)]))

    batch = [_trace(0, is_approved=True) for _ in range(200)]
    assert not any(_seen(batch))


def test_an_agent_is_an_outlier_among_peers_alone() -> None:
    rng = random.Random(6)
    peers = [
        Trace(
            id=uuid4(),
            agent_id=UUID(int=agent),
            person_id=UUID(int=agent * 1_000 + n),
            customer=uuid4().hex,
            phones=(),
            device=None,
            is_staff=False,
            is_approved=False,
            issued_at=NOW - timedelta(hours=rng.uniform(1, 160)),
        )
        for agent in range(9)
        for n in range(100 if agent == 0 else 10 + agent)
    ]
    guards = Guards(agent_max=1_000)

    seen = dict(zip((each.id for each in peers), _seen(peers, guards), strict=True))

    assert {each.agent_id for each in peers if seen[each.id]} == {UUID(int=0)}
    few = [each for each in peers if each.agent_id.int < guards.outlier_peers_min - 1]
    assert not any(_seen(few, guards))


def test_weights_say_what_is_held_and_may_leave_a_signal_out() -> None:
    weak = [Raised(Signal.INSTANT_USE, 100, 80)]

    assert not rules.held(weak, USUAL)
    assert rules.held([*weak, Raised(Signal.OUTLIER, 9, 6)], USUAL)
    assert not rules.held([Raised(Signal.BURST_PERSON, 30, 15)], USUAL)
    assert rules.held([Raised(Signal.BURST_PERSON, 31, 15)], USUAL)
    shared = [_trace(n * 90, phones=("shop",)) for n in range(9)]
    left_out = Guards(weights={Signal.SHARED_PHONE: 0, Signal.RING: 0})
    assert not any(_seen(shared, left_out))


def test_a_token_is_one_programs_and_one_sorts() -> None:
    one, other = bytes(32), bytes(range(32))

    assert rules.token(one, "phone", "+8613800000000") == rules.token(
        one, "phone", "+8613800000000"
    )
    assert rules.token(one, "phone", "+8613800000000") != rules.token(
        other, "phone", "+8613800000000"
    )
    assert rules.token(one, "phone", "x") != rules.token(one, "device", "x")


@pytest.mark.parametrize("state", ReviewState)
@pytest.mark.parametrize("verdict", Verdict)
def test_a_review_is_decided_once_and_its_answer_once(state: ReviewState, verdict: Verdict) -> None:
    if state in {ReviewState.WAITING, ReviewState.APPEALED}:
        after = rules.outcome(state, verdict)
        assert (after is ReviewState.REJECTED) == (
            (state, verdict) == (ReviewState.WAITING, Verdict.REJECT)
        )
    else:
        with pytest.raises(ReviewDecided):
            rules.outcome(state, verdict)


def test_who_had_a_hand_in_it_does_not_decide() -> None:
    rules.ensure_may_decide(AGENT, [PERSON, None])
    with pytest.raises(OwnReview):
        rules.ensure_may_decide(PERSON, [None, PERSON])


@pytest.mark.parametrize("signal", Signal)
def test_agents_are_told_no_numbers_of_others(signal: Signal) -> None:
    [told] = words.told([Raised(signal, 4711, 42)], with_counts=False)
    [counted] = words.told([Raised(signal, 4711, 42)], with_counts=True)

    assert not any(digit in told.zh + told.en for digit in "0123456789")
    assert told.zh != told.en
    assert ("4711" in counted.zh) == (signal is not Signal.SELF_DEALING)
