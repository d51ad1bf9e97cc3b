"""The trust score tells planted frauds from honest visits, and says why."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.activities.rules import trust
from server.activities.rules.positions import Position, distance_m
from server.activities.rules.trust import Evidence, Fix, Sign
from world.visits import Told, check_ins

SEEDS = (1, 7, 42, 2026, 88_888)


def area_under_curve(told: list[Told]) -> float:
    """Give the chance that a fraud scores below an honest visit; a tie is half a chance."""
    scores = [(trust.judge(each.evidence).score, each.is_fraud) for each in told]
    frauds = [score for score, is_fraud in scores if is_fraud]
    honest = [score for score, is_fraud in scores if not is_fraud]
    below = sum((a < b) + (a == b) / 2 for a in frauds for b in honest)
    return below / (len(frauds) * len(honest))


@pytest.mark.parametrize("seed", SEEDS)
def test_m13_planted_frauds_score_below_honest_visits(seed: int) -> None:
    assert area_under_curve(list(check_ins(seed, 2_000))) >= 0.95


@pytest.mark.parametrize("sort", ["from_home", "all_at_once", "old_photo", "by_a_friend"])
def test_m13_each_sort_of_fraud_is_told_from_honest_visits(sort: str) -> None:
    told = [each for each in check_ins(5, 4_000) if each.sort in (sort, "honest")]

    assert area_under_curve(told) >= 0.95


def test_m13_few_honest_reps_have_to_explain_themselves() -> None:
    honest = [each for each in check_ins(11, 4_000) if not each.is_fraud]

    doubted = [each for each in honest if trust.judge(each.evidence).is_doubted]

    assert len(doubted) / len(honest) < 0.02


def test_a_visit_without_anything_odd_is_worth_a_hundred() -> None:
    store = Position(30_000_000, 120_000_000)
    evidence = Evidence(
        here=Fix(at_ms=0, position=store, accuracy_m=12),
        fix_age_s=3,
        stores=(store,),
        dwell_s=1_800,
    )

    assert trust.judge(evidence) == trust.Trust(100, ())


positions = st.builds(
    Position, st.integers(-89_000_000, 89_000_000), st.integers(-180_000_000, 180_000_000)
)
fixes = st.builds(
    Fix,
    at_ms=st.integers(0, 2**41),
    position=st.none() | positions,
    accuracy_m=st.none() | st.integers(0, 100_000),
)
evidences = st.builds(
    Evidence,
    here=fixes,
    fix_age_s=st.none() | st.integers(0, 600_000),
    is_mocked=st.booleans(),
    stores=st.lists(positions, max_size=3).map(tuple),
    before=st.none() | fixes,
    dwell_s=st.none() | st.integers(0, 100_000),
    is_photo_reused=st.booleans(),
    is_other_device=st.booleans(),
)


@given(evidences)
def test_the_reasons_explain_the_whole_score(evidence: Evidence) -> None:
    found = trust.judge(evidence)

    assert 0 <= found.score <= 100
    assert found.score == max(100 - sum(reason.cost for reason in found.reasons), 0)
    assert len({reason.code for reason in found.reasons}) == len(found.reasons)
    assert all(reason.cost > 0 for reason in found.reasons)


@given(evidences)
def test_one_more_sign_never_raises_a_score(evidence: Evidence) -> None:
    shown = msgspec.structs.replace(evidence, is_photo_reused=False)
    reused = msgspec.structs.replace(evidence, is_photo_reused=True)

    assert trust.judge(reused).score <= trust.judge(shown).score


@given(positions, positions)
def test_a_distance_is_the_same_both_ways_and_nothing_to_oneself(
    one: Position, other: Position
) -> None:
    assert distance_m(one, other) == pytest.approx(distance_m(other, one))
    assert distance_m(one, one) == 0


def test_a_degree_of_latitude_is_a_hundred_and_eleven_kilometres() -> None:
    equator, north = Position(0, 0), Position(1_000_000, 0)

    assert distance_m(equator, north) == pytest.approx(111_195, rel=1e-4)


def test_an_invented_position_alone_is_doubted() -> None:
    evidence = Evidence(here=Fix(at_ms=0, position=Position(0, 0), accuracy_m=5), is_mocked=True)

    found = trust.judge(evidence)

    assert [reason.code for reason in found.reasons] == [Sign.MOCKED]
    assert found.is_doubted
