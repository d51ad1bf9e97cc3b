"""Count tries in PostgreSQL, so that every process counts the same."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import Final

from server.identity import keys
from server.identity.rules.throttles import Throttle, TooManyTries, storage_key
from server.kit import db

Counted = tuple[Throttle, str]
"""A limit and whose tries are counted against it."""

_COUNT: Final = """
INSERT INTO throttle_counter AS held (key, tries, window_ends_at)
SELECT key, 1, window_ends_at
FROM unnest($1::bytea[], $2::timestamptz[]) AS given (key, window_ends_at)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN held.window_ends_at <= $3 THEN 1 ELSE held.tries + 1 END,
    window_ends_at = CASE WHEN held.window_ends_at <= $3
        THEN excluded.window_ends_at ELSE held.window_ends_at END
RETURNING key, tries, window_ends_at
"""
_GIVE_BACK: Final = "UPDATE throttle_counter SET tries = tries - 1 WHERE key = $1 AND tries > 0"
_CLEAR: Final = "DELETE FROM throttle_counter WHERE key = ANY($1::bytea[])"


async def count(counted: Sequence[Counted], *, now: datetime) -> None:
    """Count one try against each limit, in a transaction of its own, before the try is looked at.

    :raises TooManyTries: when one of them is exceeded; says when to come again.
    """
    by_key = {_key(*item): item[0] for item in counted}
    ends = [now + throttle.window for throttle in by_key.values()]
    async with db.global_transaction():
        rows = await db.connection().fetch(_COUNT, list(by_key), ends, now)
    over = [row["window_ends_at"] for row in rows if row["tries"] > by_key[row["key"]].tries_max]
    if over:
        retry_after_s = ceil((max(over) - now).total_seconds())
        raise TooManyTries("Too many tries; wait a while.", retry_after_s=retry_after_s)


async def clear(counted: Sequence[Counted]) -> None:
    """Forget the tries of somebody who has proven who they are; in the open transaction."""
    await db.connection().execute(_CLEAR, [_key(*item) for item in counted])


async def give_back(throttle: Throttle, subject: str) -> None:
    """Uncount a try that was a success; in the open transaction."""
    await db.connection().execute(_GIVE_BACK, _key(throttle, subject))


def _key(throttle: Throttle, subject: str) -> bytes:
    """Name the counter."""
    return storage_key(throttle, subject, key=keys.current().mac)
