"""What usage is: events that change or add to a meter, and the hours they fall into. Pure.

A level (seats, customers, bytes) is told by its changes, up and down; what is done (messages,
exports, calls) by how often. A bucket is the sum of its own hour's events alone, so events may
come late and in any order, and each bucket is the same when it is made of its events again.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.plans.rules.versions import Meter

AMOUNT_MAX: Final = 2**43
"""8 TiB: an hour of it in byte-seconds, many times over, is a bigint."""
HOUR: Final = timedelta(hours=1)
_HOUR_S: Final = 3600


class UsageUnsound(BillingRefusal):
    """A usage event says what cannot be."""

    code = "usage_unsound"


class UsageOfTheFuture(BillingRefusal):
    """A usage event is said to happen later than now."""

    code = "usage_of_the_future"
    field = "at"


class UsageIdReused(BillingRefusal):
    """A usage event's id was used before with other content."""

    code = "usage_id_reused"
    sort = Sort.CLASH
    field = "id"


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was used, or became more or less."""

    id: UUID
    """The teller's key: it is counted once."""
    meter: Meter
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    amount: Annotated[int, msgspec.Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What one hour's events come to."""

    meter: Meter
    hour: datetime
    events: int
    amount: int
    """How much more, or less, there is after the hour; or how often it was done."""
    gained: int
    """How much came, without what went."""
    weighted: int
    """Each amount times the seconds of the hour that were left."""


def ensure_sound(events: Sequence[UsageEvent], now: datetime) -> None:
    """Refuse events that cannot be.

    :raises UsageOfTheFuture: one of them lies ahead.
    :raises UsageUnsound: it changes nothing, or undoes what was done.
    :raises UsageIdReused: two of them have one id and say two things.
    """
    seen: dict[UUID, UsageEvent] = {}
    for event in events:
        if event.at > now:
            raise UsageOfTheFuture("Usage is told once it has happened.")
        if event.amount == 0 or (event.amount < 0 and not event.meter.is_level):
            raise UsageUnsound("Usage is not nothing; only what is there may become less.")
        if seen.setdefault(event.id, event) != event:
            raise UsageIdReused("Two events of this id differ; make a new id for new content.")


def hour_of(at: datetime) -> datetime:
    """Give the beginning of the hour in which a moment lies."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def buckets(events: Iterable[UsageEvent]) -> list[Bucket]:
    """Sum events up by meter and hour, in that order; each id counts once."""
    once = {event.id: event for event in events}
    found: dict[tuple[Meter, datetime], Bucket] = {}
    for event in once.values():
        key = (event.meter, hour_of(event.at))
        left_s = _HOUR_S - int((event.at - key[1]).total_seconds())
        held = found.get(key)
        found[key] = Bucket(
            meter=event.meter,
            hour=key[1],
            events=1 + (held.events if held else 0),
            amount=event.amount + (held.amount if held else 0),
            gained=max(event.amount, 0) + (held.gained if held else 0),
            weighted=event.amount * left_s + (held.weighted if held else 0),
        )
    return [found[key] for key in sorted(found)]


def level_seconds(held: Sequence[Bucket], since: datetime, until: datetime) -> int:
    """Give a level times seconds over whole hours: byte-seconds; 3,600 of them are a byte-hour.

    :param held: of one level, from its beginning on.
    """
    total = 0
    for bucket in held:
        if bucket.hour >= until:
            continue
        inside = bucket.hour >= since
        after = max(bucket.hour + HOUR, since)
        total += bucket.weighted if inside else 0
        total += bucket.amount * int((until - after).total_seconds())
    return total


def seats_by_day(held: Sequence[Bucket], days: Sequence[tuple[date, datetime]]) -> dict[date, int]:
    """Give how many had a seat at some time of each day: those from before, and those who came.

    :param held: of seats, from their beginning on.
    :param days: each day, and the hour at which it begins.
    """
    return {
        day: sum(bucket.amount for bucket in held if bucket.hour < begins)
        + sum(b.gained for b in held if begins <= b.hour < begins + timedelta(days=1))
        for day, begins in days
    }
