"""What a process remembers for a moment, so that it does not ask the database each time."""

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_SIZE_MAX: Final = 20_000


class Remembered(Generic[T]):
    """Values that were true a moment ago, by key; the oldest make room for new ones."""

    def __init__(self, ttl: timedelta, *, size_max: int = _SIZE_MAX) -> None:
        self._ttl = ttl
        self._size_max = size_max
        self._held: dict[Hashable, tuple[datetime, T]] = {}

    def get(self, key: Hashable, *, now: datetime) -> T | None:
        """Give a value that is not too old; a clock that was set back makes everything too old."""
        held = self._held.get(key)
        if held is None or not held[0] <= now < held[0] + self._ttl:
            return None
        return held[1]

    def put(self, key: Hashable, value: T, *, now: datetime) -> None:
        """Remember a value that was read at `now`."""
        self._held.pop(key, None)
        self._held[key] = (now, value)
        if len(self._held) > self._size_max:
            del self._held[next(iter(self._held))]

    def forget(self, key: Hashable) -> None:
        """Forget one value; this process has just changed it."""
        self._held.pop(key, None)

    def forget_all(self) -> None:
        """Forget everything."""
        self._held.clear()
