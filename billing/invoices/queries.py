"""Read invoices. An agent's transaction sees its own final ones, the platform's role all."""

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
SELECT id, due_on, left_minor, currency FROM invoice
WHERE agent_id = {} AND bearer = 'agent' AND state = 'final' AND left_minor <> 0
ORDER BY due_on, id
"""
_CURRENCIES: Final = (
    "SELECT DISTINCT currency FROM invoice WHERE agent_id = {} AND bearer = 'agent'"
)
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
_UNSETTLED: Final = """
SELECT 'what is left is not what was neither paid nor credited' AS what, invoice.id::text AS about
FROM invoice WHERE agent_id = {} AND state = 'final' AND bearer = 'agent'
AND left_minor <> total_minor - (
    SELECT coalesce(sum(amount_minor), 0) FROM invoice_payment WHERE invoice_id = invoice.id
) - (
    SELECT coalesce(sum(amount_minor), 0) FROM credit_note WHERE invoice_id = invoice.id
)
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
    return msgspec.convert(await Invoice.raw(_OWED, agent_id), list[OpenInvoice])


async def steps(agent_id: UUID) -> list[Dunned]:
    """List where an agent stood, and from when on."""
    return msgspec.convert(await DunningStep.raw(_STEPS, agent_id), list[Dunned])


async def is_balanced(agent_id: UUID) -> bool:
    """Say whether the ledger says what is left of an agent's invoices. Platform's role only."""
    currencies = [row["currency"] for row in await Invoice.raw(_CURRENCIES, agent_id)]
    if not currencies:
        return True
    left = dict.fromkeys(currencies, 0)
    for row in await Invoice.raw(_OWED, agent_id):
        left[row["currency"]] += row["left_minor"]
    names = {accounts.receivable_account(agent_id, each): each for each in currencies}
    stands = await ledger.balances(list(names))
    return all(
        (-stands[name].available_minor if name in stands else 0) == left[currency]
        for name, currency in names.items()
    )


async def contradictions_of(agent_id: UUID) -> list[Finding]:
    """List an agent's invoices that say something else is left than payments and credits do."""
    return msgspec.convert(await Invoice.raw(_UNSETTLED, agent_id), list[Finding])


async def gaps() -> list[Finding]:
    """List series that do not have each number from the first to the last. Platform's role only."""
    return msgspec.convert(await Invoice.raw(_GAPS), list[Finding])
