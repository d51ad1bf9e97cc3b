"""Working time is counted as somebody would who looks at every minute of a calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kit import calendars
from server.kit.calendars import DAY_MINUTES, ZONE, Calendar, NeverOpen

MINUTE = timedelta(minutes=1)
OFFICE = Calendar()


def is_worked(calendar: Calendar, moment: datetime) -> bool:
    """Say whether the minute that begins here is worked."""
    local = moment.astimezone(ZONE)
    minute = local.hour * 60 + local.minute
    return (
        calendar.works_on(local.date()) and calendar.opens_minute <= minute < calendar.closes_minute
    )


@st.composite
def calendars_(draw: st.DrawFn) -> Calendar:
    """Any calendar that is open for two hours of some days."""
    opens = draw(st.integers(0, DAY_MINUTES - 120))
    return Calendar(
        opens_minute=opens,
        closes_minute=draw(st.integers(opens + 120, DAY_MINUTES)),
        weekdays=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        keeps_holidays=draw(st.booleans()),
    )


moments = st.datetimes(datetime(2025, 9, 20), datetime(2027, 3, 1)).map(  # noqa: DTZ001 - given a zone at once
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)


@settings(max_examples=25, deadline=None)
@given(calendars_(), moments, st.integers(0, 4 * DAY_MINUTES))
def test_worked_time_is_the_count_of_worked_minutes(
    calendar: Calendar, start: datetime, length: int
) -> None:
    minutes = sum(is_worked(calendar, start + number * MINUTE) for number in range(length))

    assert calendars.worked(calendar, start, start + length * MINUTE) == minutes * MINUTE


@settings(max_examples=25, deadline=None)
@given(calendars_(), moments, st.integers(1, 300))
def test_a_deadline_is_where_counting_minute_by_minute_ends(
    calendar: Calendar, start: datetime, amount: int
) -> None:
    moment, left = start, amount
    while left:
        left -= is_worked(calendar, moment)
        moment += MINUTE

    assert calendars.after(calendar, start, amount * MINUTE) == moment


@settings(deadline=None)
@given(calendars_(), moments, st.integers(0, 2_000), st.integers(1, 2_000))
def test_a_deadline_and_the_time_until_it_agree(
    calendar: Calendar, start: datetime, first: int, more: int
) -> None:
    once = calendars.after(calendar, start, first * MINUTE)
    later = calendars.after(calendar, start, (first + more) * MINUTE)

    assert calendars.worked(calendar, start, later) == (first + more) * MINUTE
    assert once < later


def test_s13_national_day_is_free_and_its_sunday_is_worked() -> None:
    # 2025-09-28 is a Sunday that makes up for the holidays from 10-01 to 10-08.
    assert OFFICE.works_on(date(2025, 9, 28))
    assert [OFFICE.works_on(date(2025, 10, day)) for day in range(1, 10)] == [False] * 8 + [True]
    assert not Calendar(keeps_holidays=False).works_on(date(2025, 9, 28))


def test_s13_a_day_before_the_holidays_ends_after_them() -> None:
    all_day = Calendar(opens_minute=0, closes_minute=DAY_MINUTES)
    before = datetime(2025, 9, 30, 15, 0, tzinfo=ZONE)

    due = calendars.after(all_day, before, timedelta(hours=24))

    assert due == datetime(2025, 10, 9, 15, 0, tzinfo=ZONE)


def test_a_year_without_a_notice_goes_by_the_days_of_the_week() -> None:
    assert OFFICE.works_on(date(2031, 10, 1)), "a Wednesday"
    assert not OFFICE.works_on(date(2031, 10, 4)), "a Saturday"


@pytest.mark.parametrize(
    "calendar",
    [
        Calendar(opens_minute=600, closes_minute=600),
        Calendar(opens_minute=700, closes_minute=600),
        Calendar(opens_minute=0, closes_minute=DAY_MINUTES + 1),
        Calendar(weekdays=frozenset()),
        Calendar(weekdays=frozenset({7})),
    ],
)
def test_a_calendar_that_counts_nothing_is_refused(calendar: Calendar) -> None:
    with pytest.raises(NeverOpen):
        calendars.ensure_open(calendar)
