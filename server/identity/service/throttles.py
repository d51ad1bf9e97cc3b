"""Count tries in PostgreSQL, so that every process counts the same."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from server.identity import keys
from server.identity.rules.throttles import (
    KEY_BYTES,
    Throttle,
    TooManyTries,
    key_prefix,
    login_subject,
    storage_key,
)
from server.kit import db

Counted = tuple[Throttle, str]
"""A limit and whose tries are counted against it."""

_COUNT: Final = """
INSERT INTO throttle_counter AS held (key, tries, window_ends_at) VALUES ($1, 1, $2)
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN held.window_ends_at <= $3 THEN 1 ELSE held.tries + 1 END,
    window_ends_at = CASE WHEN held.window_ends_at <= $3
        THEN excluded.window_ends_at ELSE held.window_ends_at END
RETURNING tries, window_ends_at
"""
_GIVE_BACK: Final = "UPDATE throttle_counter SET tries = tries - 1 WHERE key = $1 AND tries > 0"
_CLEAR: Final = "DELETE FROM throttle_counter WHERE key = ANY($1::bytea[])"
_CLEAR_BETWEEN: Final = "DELETE FROM throttle_counter WHERE key BETWEEN $1 AND $2"


async def count(counted: Sequence[Counted], *, now: datetime) -> None:
    """Count one try against each limit, in a transaction of its own, before the try is looked at.

    :param counted: the narrowest first: a try that one limit refuses is not counted against those
        behind it, or one stranger could use up what all people share.
    :raises TooManyTries: when one of them is exceeded; says when to come again.
    """
    async with db.global_transaction():
        retry_after_s = await _count_until_refused(counted, now)
    if retry_after_s is not None:
        raise TooManyTries("Too many tries; wait a while.", retry_after_s=retry_after_s)


async def _count_until_refused(counted: Sequence[Counted], now: datetime) -> int | None:
    """Count in order; give when to come again, in seconds, if a limit is exceeded."""
    for throttle, subject in counted:
        key, ends = _key(throttle, subject), now + throttle.window
        row = await db.connection().fetchrow(_COUNT, key, ends, now)
        if row["tries"] > throttle.tries_max:
            left: timedelta = row["window_ends_at"] - now
            return ceil(left.total_seconds())
    return None


async def clear(counted: Sequence[Counted]) -> None:
    """Forget the tries of somebody who has proven who they are; in the open transaction."""
    await db.connection().execute(_CLEAR, [_key(*item) for item in counted])


async def clear_login(login: str) -> None:
    """Forget all tries for a login name, wherever they came from; in the open transaction."""
    prefix = key_prefix(login_subject(login), key=keys.current().mac)
    rest = KEY_BYTES - len(prefix)
    await db.connection().execute(_CLEAR_BETWEEN, prefix + bytes(rest), prefix + b"\xff" * rest)


async def give_back(throttle: Throttle, subject: str) -> None:
    """Uncount a try that was a success; in the open transaction."""
    await db.connection().execute(_GIVE_BACK, _key(throttle, subject))


def _key(throttle: Throttle, subject: str) -> bytes:
    """Name the counter."""
    return storage_key(throttle, subject, key=keys.current().mac)
