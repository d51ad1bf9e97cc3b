"""Two books are compared: what is the same is found, and why the rest is not."""

import random
import time
from collections import Counter
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.reconciliation.rules.findings import (
    Break,
    Cause,
    Kind,
    Match,
    Reconciled,
    Step,
    Terms,
    due_on,
    seen_from_there,
)
from billing.reconciliation.rules.lines import Book, Line, LineState, Side, Words
from billing.reconciliation.rules.matching import reconcile
from world.breaks import plant

MONDAY = date(2026, 3, 2)


def compared(here: list[Line], there: list[Line], terms: Terms | None = None) -> Reconciled:
    """Compare two books."""
    words = Words()
    return reconcile(Book.of(here, words), Book.of(there, words), terms or Terms())


def line(number: int, amount_minor: int = 100_00, **said: object) -> Line:
    """Write a line of one customer."""
    about = {"customer": "c1", "program": "p1", "currency": "CNY", "on": MONDAY} | said
    return msgspec.convert({"number": number, "amount_minor": amount_minor} | about, Line)


# ----------------------------------------------------------------------------- the planted breaks


@pytest.mark.parametrize("seed", range(6))
def test_s06_every_planted_break_of_twelve_kinds_is_found_and_no_other(seed: int) -> None:
    planted = plant(seed, lines=2_500, of_each=12)

    found = compared(planted.here, planted.there).breaks

    assert len(Kind) == 12
    assert {kind for kind, *_ in planted.truth} == set(Kind)
    assert {(b.kind, frozenset(b.here), frozenset(b.there)) for b in found} == planted.truth
    assert len(found) == len(planted.truth)


def test_s06_of_ten_thousand_lines_nothing_is_missed_and_nothing_is_false() -> None:
    planted = plant(2026, lines=10_000, of_each=25)

    reconciled = compared(planted.here, planted.there)

    found = {(b.kind, frozenset(b.here), frozenset(b.there)) for b in reconciled.breaks}
    assert found == planted.truth
    for side in Side:
        totals = reconciled.totals(side).values()
        broken = sum(getattr(each, f"{side}_minor") for each in reconciled.breaks)
        assert sum(each.counting_minor - each.matched_minor for each in totals) == broken
        assert sum(each.lines for each in totals) == len(getattr(planted, side))
    assert {match.step for match in reconciled.matches()} == set(Step)


# ------------------------------------------------------------------------------------------- laws

# Few words, so that lines collide all the time.
ids = st.sampled_from(["", "", "a", "b"])
colliding = st.builds(
    Line,
    number=st.just(0),
    amount_minor=st.sampled_from([1, 2, 3, 4, 6]),
    currency=st.sampled_from(["CNY", "CNY", "USD"]),
    on=st.integers(0, 9).map(lambda days: MONDAY + timedelta(days=days)),
    id=ids,
    customer=st.sampled_from(["", "c", "d"]),
    name=st.sampled_from(["", "杭州云水金木科技有限公司", "杭州云水金木科技部", "云"]),
    program=st.sampled_from(["", "p", "q"]),
    state=st.sampled_from([LineState.ACTIVE, LineState.ACTIVE, *LineState]),
)
books = st.lists(colliding, max_size=9).map(
    lambda lines: [msgspec.structs.replace(each, number=n) for n, each in enumerate(lines, 1)]
)


@given(books, books)
def test_every_line_that_counts_is_matched_or_broken_once(
    here: list[Line], there: list[Line]
) -> None:
    found = compared(here, there)

    for side, lines in ((Side.HERE, here), (Side.THERE, there)):
        taken = Counter(
            number for each in (*found.matches(), *found.breaks) for number in getattr(each, side)
        )
        counting = {each.number for each in lines if each.state is LineState.ACTIVE}
        assert set(taken.values()) <= {1}
        assert counting <= set(taken)


@given(books, books)
def test_what_is_matched_counts_the_same(here: list[Line], there: list[Line]) -> None:
    ours, theirs = ({each.number: each for each in lines} for lines in (here, there))

    for match in compared(here, there).matches():
        one, other = [ours[n] for n in match.here], [theirs[n] for n in match.there]
        assert _counting(one) == _counting(other)
        assert len({each.currency for each in one + other if _counts(each)}) <= 1
        for what in ("customer", "program"):
            said = {getattr(each, what) for each in one + other if _counts(each)} - {""}
            assert len(said) <= 1 or len(one) > 1 or len(other) > 1
        if match.step is not Step.SUM and _counts(one[0]):
            assert abs((one[0].on - other[0].on).days) <= Terms().window_days
        if match.step is not Step.ID and len(one) == len(other) == 1:
            assert not (one[0].id and other[0].id)


@given(books, books)
def test_it_is_the_same_from_the_other_side(here: list[Line], there: list[Line]) -> None:
    found, mirrored = compared(here, there), compared(there, here)

    turned = sorted(seen_from_there(each) for each in mirrored.breaks)
    assert [_told(each) for each in found.breaks] == sorted(_told(each) for each in turned)
    assert sorted((m.step, m.here, m.there) for m in found.matches()) == sorted(
        (m.step, m.there, m.here) for m in mirrored.matches()
    )


@given(books, books, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(
    here: list[Line], there: list[Line], rng: random.Random
) -> None:
    found = compared(here, there)
    shuffled = compared(rng.sample(here, len(here)), rng.sample(there, len(there)))

    assert found.breaks == shuffled.breaks
    assert sorted((m.step, m.here, m.there) for m in found.matches()) == sorted(
        (m.step, m.here, m.there) for m in shuffled.matches()
    )


@given(books)
def test_a_book_agrees_with_itself(lines: list[Line]) -> None:
    named = [msgspec.structs.replace(each, id=f"id-{each.number}") for each in lines]

    found = compared(named, named)

    assert found.breaks == []
    assert found.match_count == len(named)


@given(books, books)
def test_a_break_told_twice_over_is_the_break(here: list[Line], there: list[Line]) -> None:
    for found in compared(here, there).breaks:
        assert seen_from_there(seen_from_there(found)) == found


def _counts(one: Line) -> bool:
    return one.state is LineState.ACTIVE


def _counting(lines: list[Line]) -> int:
    return sum(each.amount_minor for each in lines if _counts(each))


def _told(found: Break) -> tuple[object, ...]:
    """Give a break without whose turn it is: where both have it, this side looks first."""
    return found.kind, found.here, found.there, found.cause, found.also, found.here_says


# ------------------------------------------------------------------------------------------ cases


def test_an_id_of_its_own_keeps_two_benefits_apart() -> None:
    found = compared([line(1, id="a")], [line(1, id="b")])

    assert [each.kind for each in found.breaks] == [Kind.MISSING_HERE, Kind.MISSING_THERE]
    assert {each.cause for each in found.breaks} == {Cause.ID_UNKNOWN}


def test_what_one_side_does_not_say_is_no_difference() -> None:
    found = compared([line(1, id="a")], [line(7, id="a", customer="", program="")])

    assert list(found.matches()) == [Match(Step.ID, (1,), (7,))]


def test_all_in_which_two_lines_differ_is_told_the_gravest_first() -> None:
    late = MONDAY + timedelta(days=9)

    [found] = compared(
        [line(1, id="a", state="expired")], [line(1, 200_00, id="a", on=late)]
    ).breaks

    assert found.kind is Kind.EXPIRED
    assert found.also == (Kind.AMOUNT_DIFFERS, Kind.PERIOD_DIFFERS)
    assert (found.here_minor, found.there_minor) == (0, 200_00)
    assert found.owner is Side.THERE  # it still counts what is over


def test_around_the_month_as_many_days_count_as_between_two_sides() -> None:
    march = Terms(window_days=3, month=date(2026, 3, 1))
    days = [date(2026, 2, 25), date(2026, 2, 26), date(2026, 4, 3), date(2026, 4, 4)]
    book = [line(n, id=f"i{n}", on=day) for n, day in enumerate(days)]

    found = compared(book, book, march)

    assert [match.here for match in found.matches()] == [(1,), (2,)]
    assert [(each.kind, each.here) for each in found.breaks] == [
        (Kind.PERIOD_DIFFERS, (0,)),
        (Kind.PERIOD_DIFFERS, (3,)),
    ]


def test_a_days_sum_of_a_program_is_matched_with_its_lines() -> None:
    here = [line(n, 100 * n, customer=f"c{n}", id=f"i{n}") for n in (1, 2, 3)]

    found = compared(here, [line(1, 600, customer="")])

    assert list(found.matches()) == [Match(Step.SUM, (1, 2, 3), (1,))]


def test_several_lines_of_nobody_are_no_days_sum() -> None:
    here = [line(n, 50_00, customer=f"c{n}", id=f"i{n}") for n in (1, 2)]

    found = compared(here, [line(1, 30_00, customer=""), line(2, 70_00, customer="")])

    assert list(found.matches()) == []
    assert len(found.breaks) == 4


def test_parts_that_could_be_others_are_not_guessed() -> None:
    parts = [line(1, 30), line(2, 40), line(3, 35), line(4, 35)]

    found = compared([line(1, 70, id="a"), line(2, 500, id="b")], parts)

    assert Step.SUM not in {match.step for match in found.matches()}


def test_thousands_of_lines_of_one_customer_are_not_held_each_against_each() -> None:
    here = [line(n, 2 * n, id=f"i{n}") for n in range(1, 6_001)]
    there = [line(n, 2 * n + 1) for n in range(1, 6_001)]

    began = time.thread_time()
    found = compared(here, there)
    took = time.thread_time() - began

    assert Counter(each.kind for each in found.breaks) == {
        Kind.MISSING_HERE: 6_000,
        Kind.MISSING_THERE: 6_000,
    }
    # 36 million pairs take longer by far; twelve thousand lines a fraction of a second.
    assert took < 5


def test_what_only_one_side_has_and_has_twice_is_missing_once() -> None:
    found = compared([], [line(1), line(2)]).breaks

    assert [(each.kind, each.there) for each in found] == [
        (Kind.DUPLICATE_THERE, (2,)),
        (Kind.MISSING_HERE, (1,)),
    ]


def test_names_that_are_as_near_as_others_are_not_guessed() -> None:
    here = [
        line(1, id="a", customer="", name="杭州云水金木春秋科技有限公司"),
        line(2, id="b", customer="", name="杭州云水金木春秋贸易科技有限公司"),
    ]

    near = compared(here[:1], [line(1, customer="", name="杭州云水金木春秋科技部")])
    unsure = compared(here, [line(1, customer="", name="杭州云水金木春秋贸科技")])

    assert [match.step for match in near.matches()] == [Step.NAME]
    assert list(unsure.matches()) == []


def test_who_acts_and_by_when() -> None:
    found = compared([line(1, id="a"), line(2, id="a")], [line(1, id="a")])

    [twice] = found.breaks
    assert (twice.kind, twice.here, twice.owner) == (Kind.DUPLICATE_HERE, (2,), Side.HERE)
    assert due_on(twice.kind, MONDAY) == MONDAY + timedelta(days=3)


@settings(max_examples=25)
@given(st.integers(10**6, 10**9))
def test_s06_any_seed_is_reconciled_exactly(seed: int) -> None:
    planted = plant(seed, lines=150, of_each=1)

    found = compared(planted.here, planted.there).breaks

    assert {(b.kind, frozenset(b.here), frozenset(b.there)) for b in found} == planted.truth
