"""The time, read at the edges only; everything inward takes `now` as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """Read the wall clock as an aware time in UTC."""
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Turn an aware time into whole milliseconds since 1970-01-01 UTC.

    As times travel on the wire.
    """
    return int(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Turn milliseconds since 1970-01-01 UTC into an aware time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
