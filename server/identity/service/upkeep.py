"""Remove what is over: tokens, sessions, codes and counters that no decision needs any more."""

from datetime import datetime, timedelta
from typing import Final

from server.kit import db

_KEPT: Final = timedelta(days=7)
"""Kept after their end for the people who look into an incident."""
_SWEEP: Final = (
    "DELETE FROM refresh_family WHERE expires_at < $1",
    "DELETE FROM web_session WHERE expires_at < $1",
    "DELETE FROM enrolment_code WHERE expires_at < $1",
    "DELETE FROM invitation WHERE expires_at < $1",
    "DELETE FROM throttle_counter WHERE window_ends_at < $1",
)


async def sweep(*, now: datetime) -> None:
    """Remove what has been over for a week."""
    async with db.global_transaction():
        for statement in _SWEEP:
            await db.connection().execute(statement, now - _KEPT)
