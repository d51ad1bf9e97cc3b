"""Ids that a device makes."""

from collections.abc import Callable
from uuid import UUID

_NOISE_BYTES = 10


def new_id(now_ms: int, random_bytes: Callable[[int], bytes]) -> str:
    """Make an id in the layout of UUIDv7: ids of one device sort by time."""
    noise = int.from_bytes(random_bytes(_NOISE_BYTES))
    value = (now_ms & (2**48 - 1)) << 80 | noise
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
