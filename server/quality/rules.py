"""Measure how far a customer's record can be worked with, and say what to mend next. Pure.

The score is the sum of the points of the checks that a record passes, out of 100. A check is about
one of the four things that make data fit for use: it is there (filled), it can be true (valid), it
is of today (fresh), and nothing speaks against it (trusted). The points are this product's choice:
what keeps somebody from reaching or telling apart a customer costs most.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

FRESH: Final = timedelta(days=90)
"""So long after a contact, what is known is of today."""
NEW: Final = timedelta(days=30)
"""So long after it was entered, nobody need have been in contact."""
_LINE: Final = 8
"""The last digits of a phone: of a real one they are in no order and not all the same."""
_KNOWN: Final = frozenset({"+8613800138000", "+8613800138001"})
"""What forms show as an example."""


class Aspect(StrEnum):
    """What a check is about."""

    FILLED = "filled"
    VALID = "valid"
    FRESH = "fresh"
    TRUSTED = "trusted"


class Check(StrEnum):
    """What a record is held against."""

    REACHABLE = "reachable"
    """There is a phone: its own, or one of its people's."""
    PLAUSIBLE = "plausible"
    """No phone looks made up."""
    CODE = "code"
    """Its credit code is known, which tells it from every other."""
    FRESH = "fresh"
    """Somebody was in contact of late."""
    CITY = "city"
    INDUSTRY = "industry"
    CONTACT = "contact"
    """Somebody there is known by name."""
    SINGLE = "single"
    """No other record looks like the same customer, unless somebody said that they are two."""
    LEVEL = "level"
    ADDRESS = "address"
    """Its own, or one of its stores'."""
    DECIDER = "decider"
    """It is noted who decides."""
    SOURCE = "source"
    CALLABLE = "callable"
    """None of its phones has asked not to be called."""


class Worth(msgspec.Struct, frozen=True):
    """What a check is about, and how many points it is worth."""

    aspect: Aspect
    points: int


WORTH: Final[Mapping[Check, Worth]] = {
    Check.REACHABLE: Worth(Aspect.FILLED, 15),
    Check.PLAUSIBLE: Worth(Aspect.VALID, 10),
    Check.CODE: Worth(Aspect.FILLED, 10),
    Check.FRESH: Worth(Aspect.FRESH, 10),
    Check.CITY: Worth(Aspect.FILLED, 8),
    Check.INDUSTRY: Worth(Aspect.FILLED, 8),
    Check.CONTACT: Worth(Aspect.FILLED, 8),
    Check.SINGLE: Worth(Aspect.TRUSTED, 7),
    Check.LEVEL: Worth(Aspect.FILLED, 6),
    Check.ADDRESS: Worth(Aspect.FILLED, 6),
    Check.DECIDER: Worth(Aspect.FILLED, 5),
    Check.SOURCE: Worth(Aspect.FILLED, 4),
    Check.CALLABLE: Worth(Aspect.TRUSTED, 3),
}
"""The dearest first; together a hundred."""
assert sum(worth.points for worth in WORTH.values()) == 100, "a whole record has a hundred"  # noqa: PLR2004 - as it says


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer's record."""

    uscc: str | None
    city: str | None
    industry: str | None
    level: str | None
    source: str | None
    address: str | None
    """Its own, or one of its stores'."""
    phones: tuple[str, ...]
    """Its own and its people's, E.164."""
    contacts: int
    deciders: int
    banned: int
    """Of its phones, those that nobody may call."""
    doubles: int
    entered_at: datetime
    touched_at: datetime | None
    """When somebody was last in contact."""


def missing(facts: Facts, now: datetime) -> list[Check]:
    """Say which checks a record does not pass, the dearest first."""
    last = facts.touched_at
    passed = {
        Check.REACHABLE: bool(facts.phones),
        Check.PLAUSIBLE: not any(map(is_made_up, facts.phones)),
        Check.CODE: facts.uscc is not None,
        Check.FRESH: now - facts.entered_at <= NEW or (last is not None and now - last <= FRESH),
        Check.CITY: facts.city is not None,
        Check.INDUSTRY: facts.industry is not None,
        Check.CONTACT: facts.contacts > 0,
        Check.SINGLE: facts.doubles == 0,
        Check.LEVEL: facts.level is not None,
        Check.ADDRESS: facts.address is not None,
        Check.DECIDER: facts.deciders > 0,
        Check.SOURCE: facts.source is not None,
        Check.CALLABLE: facts.banned == 0,
    }
    return [check for check in WORTH if not passed[check]]


def score(lacks: list[Check]) -> int:
    """Give the points of what a record passes, out of 100."""
    return 100 - sum(WORTH[check].points for check in lacks)


def is_made_up(phone: str) -> bool:
    """Say whether a phone looks typed to fill the field: 13800000000, 13812345678.

    Numbers of few digits are sold as lucky ones, so that two sorts of them prove nothing.
    """
    line = phone[-_LINE:]
    if len(line) < _LINE or not line.isdigit():
        return False
    steps = {int(later) - int(earlier) for earlier, later in pairwise(line)}
    return phone in _KNOWN or steps in ({0}, {1}, {-1})
