"""Identifiers: UUID version 7 (RFC 9562, 5.7), so that indexes grow at one end."""

import random
import secrets
from datetime import datetime
from uuid import UUID

from server.kit.clock import to_ms

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_TAIL_MASK = (1 << 62) - 1


def new_id(now: datetime) -> UUID:
    """Make an id at an edge, from the given time and the system's randomness."""
    return _compose(to_ms(now), secrets.randbits(74))


def from_random(now: datetime, rng: random.Random) -> UUID:
    """Make an id from the given time and a seeded generator, so that a world can be made again."""
    return _compose(to_ms(now), rng.getrandbits(74))


def _compose(milliseconds: int, bits: int) -> UUID:
    """Lay out 48 bits of time, 12 and 62 bits of randomness around version and variant."""
    high = (milliseconds & ((1 << 48) - 1)) << 80
    return UUID(int=high | _VERSION | ((bits >> 62) << 64) | _VARIANT | (bits & _TAIL_MASK))
