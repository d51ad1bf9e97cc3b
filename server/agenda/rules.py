"""Write what a person has ahead as iCalendar (RFC 5545). Pure: the same entries, the same bytes.

An entry keeps its UID for ever, so that a calendar moves it and makes no second one.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from server.kit.calendars import ZONE
from server.kit.logs import scrub

TOKEN_BYTES: Final = 32
_PRODUCT: Final = "-//Tonglu//Agenda//ZH"
_NAME: Final = "同路"
_FRESH: Final = timedelta(hours=1)
"""How often a calendar should ask again."""
_BEFORE_DUE: Final = timedelta(minutes=30)
_VISIT: Final = timedelta(hours=1)


class Sort(StrEnum):
    """What lies ahead."""

    TASK = "task"
    """It is due."""
    VISIT = "visit"
    """It is planned."""
    CONTRACT = "contract"
    """It ends."""


_WORDS: Final = {Sort.TASK: "任务", Sort.VISIT: "拜访", Sort.CONTRACT: "合同到期"}
_PAGES: Final = {Sort.TASK: "tasks", Sort.VISIT: "visits", Sort.CONTRACT: "contracts"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person has ahead."""

    sort: Sort
    id: UUID
    title: str
    """What it is called; a visit's purpose."""
    customer_name: str
    at: datetime | None = None
    on: date | None = None
    """A whole day, where there is no time."""
    created_at: datetime
    is_must_do: bool = False


def token_hash(token: str) -> bytes:
    """Give what a feed is found by; the token has 256 random bits, so a plain hash is enough."""
    return sha256(f"tonglu calendar feed\0{token}".encode()).digest()


def tag(content: bytes) -> str:
    """Give the ETag of a feed."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def written(
    entries: Sequence[Entry], *, feed_id: UUID, public_url: str, shows_customers: bool
) -> bytes:
    """Write entries as a calendar, in the time of Shanghai.

    :param shows_customers: whether the names of customers go along; phones never do.
    """
    # Most processes never write one.
    from icalendar import Calendar, Event  # noqa: PLC0415 - see above

    calendar = Calendar.new(
        prodid=_PRODUCT, name=_NAME, uid=f"{feed_id}@tonglu", refresh_interval=_FRESH
    )
    for each in sorted(entries, key=lambda each: (each.sort, each.id)):
        start, end = _span(each)
        calendar.add_component(
            Event.new(
                uid=f"{each.sort}-{each.id}@tonglu",
                stamp=each.created_at,
                summary=_summary(each, shows_customers=shows_customers),
                start=start,
                end=end,
                url=f"{public_url}/{_PAGES[each.sort]}/{each.id}",
                priority=1 if each.is_must_do else None,
            )
        )
    calendar.add_missing_timezones()
    content: bytes = calendar.to_ical()
    return content


def _summary(each: Entry, *, shows_customers: bool) -> str:
    """Say in a line what lies ahead."""
    parts = [_WORDS[each.sort], scrub(each.title)]
    if shows_customers:
        parts.append(each.customer_name)
    return " · ".join(part for part in parts if part)


def _span(each: Entry) -> tuple[date | datetime, date | datetime]:
    """Say from when until when: a task leads up to its time, an end takes its whole day."""
    if each.on is not None:
        return each.on, each.on + timedelta(days=1)
    assert each.at is not None, "an entry has a time or a day"
    at = each.at.astimezone(ZONE)
    return (at - _BEFORE_DUE, at) if each.sort is Sort.TASK else (at, at + _VISIT)
