"""When word of a must-do task goes where, in working time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.automation import rules
from server.automation.rules import Step, Terms
from server.kit import calendars
from server.kit.calendars import ZONE, Calendar, NeverOpen

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given beside
CALENDARS = st.builds(
    Calendar,
    opens_minute=st.integers(0, 700),
    closes_minute=st.integers(701, 1440),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    keeps_holidays=st.booleans(),
)


def _is_sound(terms: Terms) -> bool:
    """Say whether a company could set these terms."""
    try:
        rules.ensure_sound(terms)
    except rules.BadSla:
        return False
    return True


TERMS = st.builds(
    Terms,
    warn_minutes=st.integers(0, 3_000),
    manager_minutes=st.integers(0, 1_000),
    owner_minutes=st.integers(1_001, 5_000),
    opens_minute=st.integers(0, 700),
    closes_minute=st.integers(701, 1440),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1).map(tuple),
    keeps_holidays=st.booleans(),
).filter(_is_sound)


@given(CALENDARS, MOMENTS, st.integers(1, 6_000))
def test_before_leaves_just_so_much_working_time(
    calendar: Calendar, end: datetime, minutes: int
) -> None:
    amount = timedelta(minutes=minutes)

    start = calendars.before(calendar, end, amount)

    assert start < end
    assert calendars.worked(calendar, start, end) == amount
    later = start + timedelta(seconds=1)
    assert calendars.worked(calendar, later, end) < amount


@given(TERMS, MOMENTS)
def test_s13_word_goes_up_step_by_step(terms: Terms, due_at: datetime) -> None:
    rules.ensure_sound(terms)
    when = rules.moments(terms, due_at)

    assert when[Step.WARNED] <= due_at <= when[Step.MANAGER] < when[Step.OWNER]
    assert rules.reached(terms, due_at, when[Step.WARNED] - timedelta(seconds=1)) == []
    assert rules.reached(terms, due_at, when[Step.OWNER]) == list(Step)


@given(TERMS, MOMENTS, st.timedeltas(timedelta(), timedelta(days=20)))
def test_nothing_that_is_due_beyond_the_horizon_has_reached_a_step(
    terms: Terms, now: datetime, further: timedelta
) -> None:
    due_at = rules.horizon(terms, now) + further

    assert rules.reached(terms, due_at, now) == []


def test_s13_the_clock_stands_still_on_a_holiday() -> None:
    """Spring Festival 2026: 14 February is worked, 15 to 23 February are free."""
    due_at = datetime(2026, 2, 14, 17, 0, tzinfo=ZONE)

    when = rules.moments(Terms(owner_minutes=120), due_at)

    assert when[Step.MANAGER] == due_at
    assert when[Step.OWNER] == datetime(2026, 2, 24, 10, 0, tzinfo=ZONE)


def test_terms_that_never_count_are_refused() -> None:
    with pytest.raises(NeverOpen):
        rules.ensure_sound(Terms(weekdays=()))
    with pytest.raises(rules.BadSla):
        rules.ensure_sound(Terms(manager_minutes=60, owner_minutes=60))
    # A minute a week: the owner would hear in nineteen years.
    minute = Terms(
        opens_minute=700, closes_minute=701, weekdays=(0,), warn_minutes=0, owner_minutes=1_001
    )
    with pytest.raises(rules.BadSla) as refused:
        rules.ensure_sound(minute)
    assert refused.value.field == "owner_minutes"
