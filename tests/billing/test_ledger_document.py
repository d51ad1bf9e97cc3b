"""docs/ledger.md says for each event the entry that it really makes."""

import re
from typing import Final
from uuid import UUID

import pytest

from billing.budgets import rules as names
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR
from tests.factories import Tenant
from tests.postgres import ROOT

AMOUNT: Final = 500

_SECTION = re.compile(r"^### `([a-z_.]+)`\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^\| (\w+) \| (0|[+-]a) \| (0|[+-]a) \|$", re.MULTILINE)
_ENTRIES = """
SELECT transfer.event, entry.account_id, entry.pending_minor, entry.posted_minor
FROM ledger_transfer transfer JOIN ledger_entry entry ON entry.transfer_id = transfer.id
WHERE entry.account_id = ANY ($1::uuid[])
AND (transfer.debit_id = ANY ($2::uuid[]) OR transfer.credit_id = ANY ($2::uuid[]))
"""
Lines = set[tuple[str, int, int]]


def documented(of: tuple[str, ...] = ("budget.", "benefit.")) -> dict[str, Lines]:
    """Read the tables of the document that tell events of some rooms."""
    text = (ROOT / "docs" / "ledger.md").read_text()
    return {
        event: {(name, _minor(pending), _minor(posted)) for name, pending, posted in lines}
        for event, body in _SECTION.findall(text)
        if event.startswith(of) and (lines := _LINE.findall(body))
    }


def _minor(written: str) -> int:
    """Read `+a`, `-a` or `0`."""
    return int(written.replace("a", str(AMOUNT)))


@pytest.mark.usefixtures("database")
async def test_the_document_tells_each_event_as_it_is(tenant: Tenant, rival: Tenant) -> None:
    program = await books.make_program(AMOUNT)
    await books.fund(program, AMOUNT)
    await books.fund(program, AMOUNT, is_return=True)
    await books.allocate(program, rival.tenant_id, AMOUNT)
    await books.allocate(program, rival.tenant_id, AMOUNT, is_return=True)
    [issued] = await books.issue(program, [books.ask(tenant.tenant_id, AMOUNT)])
    assert issued.issuance_id is not None
    await books.void(issued.issuance_id)

    accounts: dict[UUID, str] = {
        names.funding_account(PLATFORM_TENANT, "CNY"): "funding",
        program.pool_id: "pool",
        program.own_budget_id(rival.tenant_id): "allocation",
        names.issued_account(program.id, tenant.tenant_id, "CNY"): "issued",
    }
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(_ENTRIES, list(accounts), [program.pool_id])
    made: dict[str, Lines] = {}
    for row in rows:
        line = (accounts[row["account_id"]], row["pending_minor"], row["posted_minor"])
        made.setdefault(row["event"], set()).add(line)

    assert documented() == made


def test_every_event_of_the_code_is_in_the_document() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "billing").rglob("*.py"))
    events = set(re.findall(r"[\"'](budget\.[a-z_]+|benefit\.[a-z_]+)[\"']", code))

    assert events == set(documented())
