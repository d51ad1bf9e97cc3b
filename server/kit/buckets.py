"""Token buckets: how many requests somebody may make. In memory, one set in each process."""

import math
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import msgspec

KEYS_MAX: Final = 50_000
"""So many buckets are remembered; the one that was used longest ago is forgotten first."""


class Rate(msgspec.Struct, frozen=True):
    """A bucket's size and how fast it fills again."""

    burst: float
    per_s: float


class Buckets:
    """One bucket for each key. The time is given in, from a clock that does not go back."""

    __slots__ = ("_held", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, *, now_s: float) -> int:
        """Take one token; give 0, or the whole seconds until there is one again."""
        tokens, seen_s = self._held.pop(key, (self._rate.burst, now_s))
        tokens = min(self._rate.burst, tokens + max(0.0, now_s - seen_s) * self._rate.per_s)
        wait_s = 0
        if tokens >= 1:
            tokens -= 1
        else:
            wait_s = math.ceil((1 - tokens) / self._rate.per_s)
        self._held[key] = (tokens, max(now_s, seen_s))
        if len(self._held) > KEYS_MAX:
            self._held.popitem(last=False)
        return wait_s
