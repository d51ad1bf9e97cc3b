"""Fixtures of the books: connections enough for a race, and tables that nobody has counted."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
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


@pytest.fixture
async def unseen(database: Settings, postgres: Postgres, tmp_path: Path) -> AsyncIterator[None]:
    """A database whose tables nobody has counted, as they are planned for on the first day."""
    del database
    name = "lookups"
    await postgres.clone(name)
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    for table in ("invoice", "issuance", "ledger_account", "ledger_transfer", "redemption"):
        await superuser.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    # A few rows cost less read whole, and a plan made then is kept; here an index must be reached.
    await superuser.execute(f"ALTER DATABASE {name} SET enable_seqscan = off")
    await superuser.close()
    async with opened(make_settings(postgres, name, tmp_path)):
        yield
    await postgres.drop(name)
