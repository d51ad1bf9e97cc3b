"""When a registration was made, as far as the server can know: an interval. Pure.

A device that was offline tells when, and a device's clock can say anything. What it cannot change
is when the server last heard from it while nothing waited on it (`floor_ms`) and when the
registration came in (`received_at_ms`): it was made between the two. The device's steady clock,
which nobody sets and which runs through sleep, narrows this to the time since its last answer from
the server.

That is a phone's word, which nobody can prove: the bounds that the server itself knows are kept
beside it. No device is believed for longer than it may be away.
"""

from enum import StrEnum
from typing import Final

import msgspec

DRIFT: Final = 200
"""One in so many: how far a steady clock may be out, 0.5 per cent."""
SLACK_MS: Final = 2_000
"""How long an answer may have been on its way to a device, and a registration in the making."""
ON_ITS_WAY_MS: Final = 60_000
"""How long a request may be on its way: what was made meanwhile was made before it was heard."""
JUMP_MS: Final = 120_000
"""By how much the clock on the wall must disagree with the steady one to be called moved."""


class Flag(StrEnum):
    """What the arbitrator is told about a device's clocks."""

    MOVED = "clock_moved"
    """The clock on the wall was set back or forward; the steady clock counts."""
    UNPROVEN = "clock_unproven"
    """The device was started anew since the server last heard from it, or was away for longer than
    it may be: only the bounds count."""
    CONTRADICTED = "clock_contradicted"
    """What the device says cannot be; the registration counts from its receipt."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the time of a registration, in milliseconds of the server's clock."""

    made_at_ms: int
    """By the device's clock on the wall, corrected by how far it was out at the receipt."""
    received_at_ms: int
    floor_ms: int
    """When the server last heard from the device while nothing waited on it, or enrolled it."""
    lease_ms: int
    """How long a device may be away at the most."""
    since_ms: int | None = None
    """The server's time in the last answer that the device had when it made the registration."""
    elapsed_ms: int | None = None
    """How long before the registration that was, by the device's steady clock."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """Not before `earliest_ms`, not after `latest_ms`."""

    earliest_ms: int
    latest_ms: int
    flag: Flag | None = None
    floor_ms: int | None = None
    """Not before this, as the server itself knows; None where it knows as much as is said."""
    ceiling_ms: int | None = None
    """Not after this, as the server itself knows."""


def online(now_ms: int) -> Interval:
    """Give the time of what is registered with the server at hand."""
    return Interval(earliest_ms=now_ms, latest_ms=now_ms)


def interval(heard: Heard) -> Interval:
    """Bound the time of a registration that was made on a device.

    No clock that is set back makes it earlier: without the steady clock the bounds are the
    server's own, with it the clock on the wall does not count at all.
    """
    received_ms = heard.received_at_ms
    leased_ms = received_ms - heard.lease_ms
    floor_ms = min(max(heard.floor_ms, leased_ms), received_ms)
    if heard.since_ms is None or heard.elapsed_ms is None or heard.since_ms < leased_ms - JUMP_MS:
        return Interval(earliest_ms=floor_ms, latest_ms=received_ms, flag=Flag.UNPROVEN)
    drift_ms = heard.elapsed_ms // DRIFT
    point_ms = heard.since_ms + heard.elapsed_ms
    earliest_ms = max(point_ms - drift_ms, floor_ms)
    latest_ms = min(point_ms + drift_ms + SLACK_MS, received_ms)
    if latest_ms < floor_ms <= latest_ms + ON_ITS_WAY_MS:
        latest_ms = floor_ms
    is_possible = heard.elapsed_ms >= 0 and earliest_ms <= latest_ms
    if not is_possible or heard.since_ms > received_ms:
        return Interval(earliest_ms=received_ms, latest_ms=received_ms, flag=Flag.CONTRADICTED)
    has_moved = abs(heard.made_at_ms - point_ms) > JUMP_MS + drift_ms
    return Interval(
        earliest_ms=earliest_ms,
        latest_ms=latest_ms,
        flag=Flag.MOVED if has_moved else None,
        floor_ms=floor_ms,
        ceiling_ms=received_ms,
    )
