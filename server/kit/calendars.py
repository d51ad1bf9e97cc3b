"""Count working time: which minutes of the calendar are worked, and when so many have passed.

A calendar has hours of the day, days of the week, and follows China's holidays with the working
days that make up for them, or not. The years of the State Council's notices are known to the
library ``chinese_calendar``; in a year without a notice the days of the week decide alone.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import chinese_calendar
import msgspec

from server.kit.errors import Invalid

ZONE: Final = ZoneInfo("Asia/Shanghai")
DAY_MINUTES: Final = 24 * 60
_DAYS_MAX: Final = 3_660
"""Ten years: further nobody waits."""


_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(2099, 12, 31)


def ensure_day(on: date, field: str) -> None:
    """Refuse a day that is a slip of the keys, and from which days cannot be counted on.

    :raises Invalid: it lies outside of this century.
    """
    if not _FIRST <= on <= _LAST:
        raise Invalid("Give a day from 2000-01-01 to 2099-12-31.", field=field)


class NeverOpen(Invalid):
    """A calendar in which nothing is ever worked counts no time."""

    code = "never_open"


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """When is worked. Minutes count from midnight; the end may be midnight, not behind it."""

    opens_minute: int = 9 * 60
    closes_minute: int = 18 * 60
    weekdays: frozenset[int] = frozenset(range(5))
    """0 is Monday."""
    keeps_holidays: bool = True
    """Whether China's holidays are free and the days that make up for them are worked."""

    def works_on(self, day: date) -> bool:
        """Say whether a day is worked."""
        if self.keeps_holidays:
            known = _by_notice(day)
            if known is not None:
                return known
        return day.weekday() in self.weekdays


def ensure_open(calendar: Calendar) -> None:
    """Refuse a calendar in which no minute is worked.

    :raises NeverOpen: naming the field.
    """
    if not 0 <= calendar.opens_minute < calendar.closes_minute <= DAY_MINUTES:
        raise NeverOpen("Let the day end after it begins.", field="closes_minute")
    if not calendar.weekdays or not calendar.weekdays <= frozenset(range(7)):
        raise NeverOpen("Choose at least one day of the week.", field="weekdays")


def _by_notice(day: date) -> bool | None:
    """Say whether a day is a holiday or makes up for one; None for an ordinary day."""
    if day in chinese_calendar.holidays:
        return False
    return True if day in chinese_calendar.workdays else None


def worked(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Give how much working time lies between two moments."""
    spans = _spans(calendar, start)
    total = timedelta()
    for opens, closes in spans:
        if opens >= end:
            break
        total += max(min(closes, end) - max(opens, start), timedelta())
    return total


def after(calendar: Calendar, start: datetime, amount: timedelta) -> datetime:
    """Give the moment when so much working time has passed since the start.

    Where nothing is left to pass and the start is not worked, that is when work begins again.

    :raises NeverOpen: it does not come within ten years.
    """
    left = amount
    for opens, closes in _spans(calendar, start):
        begin = max(opens, start)
        if begin < closes and left <= closes - begin:
            return begin + left
        left -= max(closes - begin, timedelta())
    raise NeverOpen("This time does not come within ten years.", field="weekdays")


def before(calendar: Calendar, end: datetime, amount: timedelta) -> datetime:
    """Give the last moment from which so much working time is left until the end.

    Where none is asked for, that is the end itself.

    :raises NeverOpen: it does not lie within ten years.
    """
    if not amount:
        return end
    left = amount
    for opens, closes in _spans(calendar, end, step=-1):
        stop = min(closes, end)
        if opens < stop and left <= stop - opens:
            return stop - left
        left -= max(stop - opens, timedelta())
    raise NeverOpen("This time does not lie within ten years.", field="weekdays")


def next_worked(calendar: Calendar, moment: datetime) -> datetime:
    """Give the moment itself where it is worked, else when work begins again."""
    for opens, closes in _spans(calendar, moment):
        if moment < closes:
            return max(opens, moment)
    raise NeverOpen("Nothing is worked within ten years.", field="weekdays")


def _spans(
    calendar: Calendar, start: datetime, *, step: int = 1
) -> Iterator[tuple[datetime, datetime]]:
    """Give the working hours of each day from that of the start on, or back, in UTC."""
    first = start.astimezone(ZONE).date()
    for number in range(_DAYS_MAX):
        day = first + timedelta(days=step * number)
        if calendar.works_on(day):
            midnight = datetime.combine(day, time(), ZONE)
            opens = midnight + timedelta(minutes=calendar.opens_minute)
            closes = midnight + timedelta(minutes=calendar.closes_minute)
            yield opens.astimezone(UTC), closes.astimezone(UTC)
