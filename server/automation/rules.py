"""Decide how far word of a must-do task goes, and when (S13). Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from server.kit import calendars
from server.kit.calendars import DAY_MINUTES, Calendar
from server.kit.errors import Invalid

SLA: Final = "sla"
"""What the rule of must-do tasks is called beside its version."""
TRIAL_DAYS_MAX: Final = 180
"""How far back a trial looks."""
TRIAL_TASKS_MAX: Final = 5_000
_MINUTES_MAX: Final = 60 * 24 * 30
_WEEKS_MAX: Final = 26
"""How many weeks of work a step may take: word that comes later helps nobody."""

Minutes = Annotated[int, msgspec.Meta(ge=0, le=_MINUTES_MAX)]
MinuteOfDay = Annotated[int, msgspec.Meta(ge=0, le=DAY_MINUTES)]

Weekday = Annotated[int, msgspec.Meta(ge=0, le=6)]


class BadSla(Invalid):
    """Word goes up step by step, to the owner not before the manager, and in time to help."""

    code = "bad_sla"


class Step(StrEnum):
    """How far word of a must-do task goes."""

    WARNED = "warned"
    """To its assignee, shortly before its time."""
    MANAGER = "manager"
    """To who answers for the assignee, once it is late."""
    OWNER = "owner"
    """To the owners of the company, when it is still late."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """When word goes where, in minutes that are worked by the calendar."""

    warn_minutes: Minutes = 120
    """Before a task is due."""
    manager_minutes: Minutes = 0
    """Behind it."""
    owner_minutes: Minutes = 540
    """Behind it."""
    opens_minute: MinuteOfDay = 9 * 60
    """When work begins, in minutes from midnight of Shanghai."""
    closes_minute: MinuteOfDay = 18 * 60
    weekdays: Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=7)] = (0, 1, 2, 3, 4)
    """0 is Monday."""
    keeps_holidays: bool = True
    """Whether China's holidays are free and the days that make up for them are worked."""

    @property
    def calendar(self) -> Calendar:
        """Give the calendar that counts."""
        return Calendar(
            opens_minute=self.opens_minute,
            closes_minute=self.closes_minute,
            weekdays=frozenset(self.weekdays),
            keeps_holidays=self.keeps_holidays,
        )


class Sla(msgspec.Struct, frozen=True):
    """The terms as they were set: version 0 is what holds before anybody has set any."""

    version: int
    terms: Terms


def ensure_sound(terms: Terms) -> None:
    """Refuse terms by which nothing would ever happen, or the owner hears before the manager.

    :raises NeverOpen, BadSla: naming the field.
    """
    calendars.ensure_open(terms.calendar)
    if terms.owner_minutes <= terms.manager_minutes:
        raise BadSla("The owner is told after the manager.", field="owner_minutes")
    week = (terms.closes_minute - terms.opens_minute) * len(set(terms.weekdays))
    for name in ("warn_minutes", "owner_minutes"):
        if getattr(terms, name) > _WEEKS_MAX * week:
            raise BadSla(
                f"By these hours this takes more than {_WEEKS_MAX} weeks; work more, or wait less.",
                field=name,
            )


def moments(terms: Terms, due_at: datetime) -> Mapping[Step, datetime]:
    """Say when word of a task that is still open goes where."""
    calendar = terms.calendar
    return {
        Step.WARNED: calendars.before(calendar, due_at, timedelta(minutes=terms.warn_minutes)),
        Step.MANAGER: calendars.after(calendar, due_at, timedelta(minutes=terms.manager_minutes)),
        Step.OWNER: calendars.after(calendar, due_at, timedelta(minutes=terms.owner_minutes)),
    }


def reached(terms: Terms, due_at: datetime, now: datetime) -> list[Step]:
    """Say which steps have come for a task that is still open, the first to the last."""
    return [step for step, moment in moments(terms, due_at).items() if moment <= now]


def horizon(terms: Terms, now: datetime) -> datetime:
    """Give a moment before which everything is due that has reached a step by now."""
    return calendars.after(terms.calendar, now, timedelta(minutes=terms.warn_minutes + 1))
