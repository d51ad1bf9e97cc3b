"""Fixtures of the books: a pool of connections wide enough for a race."""

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from server.kit import db
from server.settings import Settings
from tests.conftest import make_settings
from tests.postgres import Postgres, opened

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


@pytest.fixture(scope="module")
async def own_books(
    postgres: Postgres, database: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """A database that one file's tests have for themselves: periods and blocks are everybody's."""
    name = f"test_{os.getpid()}_{uuid4().hex[:8]}"
    await postgres.clone(name)
    own = make_settings(postgres, name, tmp_path_factory.mktemp("books"))
    async with opened(own):
        yield own
    await postgres.drop(name)
