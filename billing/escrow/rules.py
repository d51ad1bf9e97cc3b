"""How much a device may hold, and for how long. Pure."""

from datetime import datetime, timedelta
from typing import Final

UNITS_MAX: Final = 20
"""As many of a program on one device."""
LEASED_FOR: Final = timedelta(hours=72)
"""How long a device may promise what it holds without hearing from the server: as a device's lease
of its records is by default."""
GRACE: Final = timedelta(hours=24)
"""How much longer a unit stays held, for promises that are still on their way."""


def to_add(
    wanted: int,
    held: int,
    given_back: int,
    *,
    available_minor: int,
    standing_minor: int,
    amount_minor: int,
) -> int:
    """Say how many units more a device gets: half of the allocation stands on devices at most.

    What it gave back and is not released yet is no less kept from others than what it holds, and
    takes its place among the most that one device may have.

    :param available_minor: what nobody has promised, issued or holds.
    :param standing_minor: what all devices of the company hold, or gave back.

    >>> to_add(5, 0, 0, available_minor=1_000, standing_minor=0, amount_minor=100)
    5
    >>> to_add(5, 3, 0, available_minor=1_000, standing_minor=300, amount_minor=100)
    2
    >>> to_add(5, 0, 0, available_minor=300, standing_minor=0, amount_minor=100)
    1
    >>> to_add(5, 0, 0, available_minor=600, standing_minor=400, amount_minor=100)
    1
    >>> to_add(5, 0, 18, available_minor=9_000, standing_minor=1_800, amount_minor=100)
    2
    """
    most = min(wanted - held, UNITS_MAX - held - given_back)
    left = (available_minor + standing_minor) // 2 - standing_minor
    return max(0, min(most, left // amount_minor))


def leased_until(now: datetime, closes_at: datetime | None) -> datetime:
    """Say until when units may be promised: no longer than the program is open."""
    until = now + LEASED_FOR
    return until if closes_at is None else min(until, closes_at)
