"""Read invoices. An agent's transaction sees its own final ones, the platform's role all."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from billing.invoices.rules import accounts
from billing.invoices.rules.dunning import OpenInvoice
from billing.invoices.schemas import (
    Dunned,
    Finding,
    InvoiceNotFound,
    InvoiceRow,
    InvoiceView,
)
from billing.invoices.tables import DunningStep, Invoice
from billing.ledger import queries as ledger

_ROW: Final = """
SELECT invoice.id, invoice.agent_id, bearer, currency, month, issued_on, due_on, net_minor,
    tax_minor, total_minor, left_minor, state, series, invoice.number, fapiao.number AS fapiao
FROM invoice LEFT JOIN invoice_fapiao fapiao ON fapiao.invoice_id = invoice.id
"""
_LIST: Final = (
    _ROW
    + """
WHERE invoice.agent_id = {} AND (
    {}::date IS NULL OR (invoice.month, invoice.id) < ({}::date, {}::uuid)
)
ORDER BY invoice.month DESC, invoice.id DESC LIMIT {}
"""
)
_PARTS: Final = """
SELECT
    (
        SELECT coalesce(jsonb_agg(to_jsonb(line) - 'invoice_id' - 'place' ORDER BY place), '[]')
        FROM invoice_line line WHERE line.invoice_id = asked.id
    ) AS lines,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(note) ORDER BY note.number), '[]')
        FROM credit_note note WHERE note.invoice_id = asked.id
    ) AS credits,
    (
        SELECT coalesce(sum(amount_minor), 0)::bigint
        FROM invoice_payment paid WHERE paid.invoice_id = asked.id
    ) AS paid_minor
FROM (SELECT {}::uuid AS id) asked
"""
_OWED: Final = """
SELECT agent_id, id, due_on, left_minor FROM invoice
WHERE agent_id = ANY ({}::uuid[]) AND bearer = 'agent' AND state = 'final' AND left_minor <> 0
ORDER BY due_on, id
"""
_STEPS: Final = """
SELECT on_day AS "on", standing FROM dunning_step WHERE agent_id = {} ORDER BY place
"""
_GAPS: Final = """
SELECT 'numbers have a gap' AS what, series AS about FROM (
    SELECT series, last_number, (
        SELECT count(*) FROM invoice WHERE invoice.series = one.series
        AND number BETWEEN 1 AND last_number
    ) + (
        SELECT count(*) FROM credit_note WHERE one.series = 'credit'
        AND number BETWEEN 1 AND last_number
    ) AS given FROM invoice_series one
) counted WHERE given <> last_number
"""
# Summed and not joined: what is guessed of an agent's rows is too little to join them by.
_STANDS: Final = """
SELECT agent_id, currency, sum(left_minor)::bigint AS left_minor,
    max(invoice_id::text) FILTER (WHERE unexplained <> 0) AS unsettled
FROM (
    SELECT agent_id, invoice_id, max(currency) AS currency, sum(left_minor) AS left_minor,
        sum(unexplained) AS unexplained
    FROM (
        SELECT agent_id, id AS invoice_id, currency, left_minor,
            left_minor - total_minor AS unexplained
        FROM invoice
        WHERE agent_id = ANY ({}::uuid[]) AND bearer = 'agent' AND state = 'final'
        UNION ALL
        SELECT agent_id, invoice_id, NULL, 0, amount_minor FROM invoice_payment
        WHERE agent_id = ANY ({}::uuid[])
        UNION ALL
        SELECT agent_id, invoice_id, NULL, 0, amount_minor FROM credit_note
        WHERE agent_id = ANY ({}::uuid[])
    ) told
    GROUP BY agent_id, invoice_id
    -- Nothing is left to pay of what the platform bears.
    HAVING max(currency) IS NOT NULL
) settled
GROUP BY agent_id, currency ORDER BY agent_id, currency
"""


async def invoices(
    agent_id: UUID, *, before: tuple[date, UUID] | None, limit: int
) -> list[InvoiceRow]:
    """List an agent's invoices, the newest first.

    :param before: month and id of the last one that was seen.
    """
    month, invoice_id = before or (None, None)
    rows = await Invoice.raw(_LIST, agent_id, month, month, invoice_id, limit)
    return msgspec.convert(rows, list[InvoiceRow])


async def invoice(invoice_id: UUID) -> InvoiceView:
    """Give one invoice with its lines.

    :raises InvoiceNotFound: there is none, or not for who asks.
    """
    rows = await Invoice.raw(_ROW + " WHERE invoice.id = {}", invoice_id)
    if not rows:
        raise InvoiceNotFound("There is no such invoice.")
    [parts] = await Invoice.raw(_PARTS, invoice_id)
    decoded = {name: msgspec.json.decode(parts[name]) for name in ("lines", "credits")}
    return msgspec.convert({**rows[0], **parts, **decoded}, InvoiceView)


async def owed(agent_id: UUID) -> list[OpenInvoice]:
    """List the invoices of an agent of which something is left, or too much was paid."""
    return (await owed_by([agent_id])).get(agent_id, [])


async def owed_by(agent_ids: Sequence[UUID]) -> dict[UUID, list[OpenInvoice]]:
    """List the same of each of some agents who have such invoices."""
    found: dict[UUID, list[OpenInvoice]] = {}
    for row in await Invoice.raw(_OWED, list(agent_ids)):
        found.setdefault(row["agent_id"], []).append(msgspec.convert(row, OpenInvoice))
    return found


async def steps(agent_id: UUID) -> list[Dunned]:
    """List where an agent stood, and from when on."""
    return msgspec.convert(await DunningStep.raw(_STEPS, agent_id), list[Dunned])


async def contradictions_of(agent_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Say in what agents' books contradict themselves, where they do. Platform's role only.

    What is left of invoices is what was neither paid nor credited, and what the ledger says.
    """
    named = list(agent_ids)
    rows = await Invoice.raw(_STANDS, named, named, named)
    owing = {accounts.receivable_account(row["agent_id"], row["currency"]): row for row in rows}
    stands = await ledger.balances(list(owing))
    found: dict[UUID, str] = {}
    for name, row in owing.items():
        booked = -stands[name].available_minor if name in stands else 0
        if row["unsettled"] is not None:
            reason = f"what is left is not what was neither paid nor credited: {row['unsettled']}"
        elif booked != row["left_minor"]:
            reason = "the ledger's balance is not what is left of the invoices"
        else:
            continue
        found.setdefault(row["agent_id"], reason)
    return found


async def gaps() -> list[Finding]:
    """List series that do not have each number from the first to the last. Platform's role only."""
    return msgspec.convert(await Invoice.raw(_GAPS), list[Finding])
