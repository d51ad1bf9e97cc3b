"""docs/ledger.md says for each event the entry that it really makes."""

import re
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest

from billing.budgets import rules as names
from billing.issuance import service as issuance
from billing.issuance.schemas import Terms
from billing.redemptions.schemas import Kind, Wish
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR
from tests.factories import NOW, Tenant, new_id
from tests.postgres import ROOT

AMOUNT: Final = 500
_OF_PARTS: Final = "benefit.reopened"

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
    await _use_and_end(program, tenant)

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

    # Of a benefit that is used in parts, which stands below.
    assert {event: told for event, told in documented().items() if event != _OF_PARTS} == made


async def _use_and_end(program: books.Program, tenant: Tenant) -> None:
    """Use a benefit, take that back and let it end; then use one in parts, of another budget."""
    ends = NOW + timedelta(days=1)
    terms = Terms(program_id=program.id, expires_at=ends)
    async with db.tenant_transaction(tenant.tenant_id):
        [issued] = await issuance.issue(
            terms,
            [books.ask(tenant.tenant_id, AMOUNT)],
            group_id=new_id(),
            actor_id=OPERATOR.user_id,
            now=NOW,
        )
    assert issued.issuance_id is not None
    use = Wish(key=new_id(), kind=Kind.REDEEM, issuance_id=issued.issuance_id)
    await books.settle(use)
    back = Wish(key=new_id(), kind=Kind.ROLL_BACK, issuance_id=issued.issuance_id, of_id=use.key)
    await books.settle(back)
    over = Wish(key=new_id(), kind=Kind.EXPIRE, issuance_id=issued.issuance_id)
    await books.settle(over, now=ends)


@pytest.mark.usefixtures("database")
async def test_what_is_left_is_held_again_as_one(tenant: Tenant) -> None:
    program = await books.make_program(2 * AMOUNT)
    [issued] = await books.issue(program, [books.ask(tenant.tenant_id, 2 * AMOUNT)])
    assert issued.issuance_id is not None
    use = Wish(key=new_id(), kind=Kind.REDEEM, issuance_id=issued.issuance_id, amount_minor=AMOUNT)
    await books.settle(use)
    back = Wish(key=new_id(), kind=Kind.ROLL_BACK, issuance_id=issued.issuance_id, of_id=use.key)
    await books.settle(back)

    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(_ENTRIES, [program.pool_id], [program.pool_id])
    lines = {
        ("pool", row["pending_minor"], row["posted_minor"])
        for row in rows
        if row["event"] == _OF_PARTS
    }
    told = documented()[_OF_PARTS]
    assert lines == {line for line in told if line[0] == "pool"}


def test_every_event_of_the_code_is_in_the_document() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "billing").rglob("*.py"))
    events = set(re.findall(r"[\"'](budget\.[a-z_]+|benefit\.[a-z_]+)[\"']", code))

    assert events == set(documented())
