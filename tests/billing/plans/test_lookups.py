"""What others were billed is not read to bill one more."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from billing.invoices import service as invoicing
from billing.plans.rules.clock import next_month
from server.kit import db
from server.settings import Settings
from tests.billing.books import OPERATOR
from tests.billing.plans.test_service import STARTS, advance, desk, subscribed
from tests.conftest import make_settings
from tests.factories import make_tenant
from tests.postgres import Postgres, opened

_MONTHS = 24
_TABLES = ("invoice", "ledger_transfer")
_READ = """
SELECT relname, seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables
WHERE relname = ANY ($1)
"""


@pytest.fixture
async def unseen(database: Settings, postgres: Postgres, tmp_path: Path) -> AsyncIterator[None]:
    """A database whose tables nobody has counted, as they are planned for on the first day."""
    del database
    name = "lookups"
    await postgres.clone(name)
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    for table in _TABLES:
        await superuser.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    # A few rows cost less read whole, and a plan made then is kept; here an index must be reached.
    await superuser.execute(f"ALTER DATABASE {name} SET enable_seqscan = off")
    await superuser.close()
    async with opened(make_settings(postgres, name, tmp_path)):
        yield
    await postgres.drop(name)


@pytest.mark.usefixtures("unseen")
async def test_what_others_were_billed_is_not_read() -> None:
    tenant, rival = await make_tenant(), await make_tenant()
    await subscribed(tenant)
    await subscribed(rival)
    carried = await advance(rival.tenant_id, date(STARTS.year + 2, STARTS.month, 1))
    assert len(carried.invoices) == _MONTHS

    async with db.platform_transaction(OPERATOR):
        before = await rows_read()
        until = next_month(STARTS)
        carried = await invoicing.advance(tenant.tenant_id, until, desk(until))
        assert len(carried.invoices) == 1
        after = await rows_read()

    read = {table: after[table] - before[table] for table in _TABLES}
    assert max(read.values()) < _MONTHS, read


async def rows_read() -> dict[str, int]:
    """Count the rows that this connection has read of each table, and not yet reported."""
    rows = await db.connection().fetch(_READ, _TABLES)
    return {row["relname"]: row["rows"] for row in rows}
