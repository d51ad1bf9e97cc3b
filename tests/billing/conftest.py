"""Fixtures of the books: a pool of connections wide enough for a race."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from server.kit import db
from server.settings import Settings

# Laws are judged by what happens and not by how long it takes on a busy machine.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")

CALLERS = 64


@pytest.fixture
async def wide_database(database: Settings) -> AsyncIterator[Settings]:
    """The same database with a connection for each of 64 callers."""
    narrow, db.ENGINE.pool = db.ENGINE.pool, None
    await db.open_database(msgspec.structs.replace(database, pool_size=CALLERS))
    try:
        yield database
    finally:
        await db.close_database()
        db.ENGINE.pool = narrow
