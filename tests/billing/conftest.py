"""Fixtures of the books: a pool of connections wide enough for a race."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from server.kit import db
from server.settings import Settings

CALLERS = 64


@pytest.fixture(scope="session")
async def loop(database: Settings) -> asyncio.AbstractEventLoop:
    """The loop that the database is open on, for tests that step through it by themselves."""
    return asyncio.get_running_loop()


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
