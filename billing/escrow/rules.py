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


def to_add(wanted: int, held: int, available_minor: int, amount_minor: int) -> int:
    """Say how many units more a device gets: of what is available at most half stands on it.

    >>> to_add(5, 0, 1_000, 100), to_add(5, 3, 1_000, 100), to_add(5, 0, 300, 100)
    (5, 2, 1)
    >>> to_add(100, 19, 100_000, 100), to_add(2, 5, 1_000, 100), to_add(1, 0, 199, 100)
    (1, 0, 0)
    """
    return max(0, min(min(wanted, UNITS_MAX) - held, available_minor // 2 // amount_minor))


def leased_until(now: datetime, closes_at: datetime | None) -> datetime:
    """Say until when units may be promised: no longer than the program is open."""
    until = now + LEASED_FOR
    return until if closes_at is None else min(until, closes_at)
