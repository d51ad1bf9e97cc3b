"""What others were billed is not read to bill one more."""

from datetime import date

import pytest

from billing.invoices import service as invoicing
from billing.plans.rules.clock import next_month
from server.kit import db
from tests.billing.books import OPERATOR, rows_read
from tests.billing.plans.test_service import STARTS, advance, desk, subscribed
from tests.factories import make_tenant

_MONTHS = 24
_TABLES = ("invoice", "ledger_transfer")


@pytest.mark.usefixtures("unseen")
async def test_what_others_were_billed_is_not_read() -> None:
    tenant, rival = await make_tenant(), await make_tenant()
    await subscribed(tenant)
    await subscribed(rival)
    carried = await advance(rival.tenant_id, date(STARTS.year + 2, STARTS.month, 1))
    assert len(carried.invoices) == _MONTHS

    async with db.platform_transaction(OPERATOR):
        before = await rows_read(*_TABLES)
        until = next_month(STARTS)
        carried = await invoicing.advance(tenant.tenant_id, until, desk(until))
        assert len(carried.invoices) == 1
        after = await rows_read(*_TABLES)

    read = {table: after[table] - before[table] for table in _TABLES}
    assert max(read.values()) < _MONTHS, read
