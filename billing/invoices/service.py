"""Carry plans on, finalise invoices, take payments and credits. Joins the platform's transaction.

What is final never changes: a credit note voids it, or a part of it. A preview is the same code in
a transaction that is rolled back.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from billing.invoices import queries
from billing.invoices.rules import accounts, credit_notes, dunning, fapiao
from billing.invoices.rules.course import Step, course
from billing.invoices.rules.drafts import Bearer, Draft
from billing.invoices.rules.dunning import TERMS, DunningTerms
from billing.invoices.schemas import (
    Carried,
    Credit,
    FapiaoTaken,
    InvoiceKeyReused,
    InvoiceNotFound,
    InvoiceRow,
    InvoiceState,
    InvoiceView,
    Payment,
    PaymentAhead,
    PaymentTooLarge,
    Settled,
    State,
    SubscriptionParked,
)
from billing.invoices.tables import (
    CreditNote,
    DunningStep,
    Invoice,
    InvoiceFapiao,
    InvoiceLine,
    InvoicePayment,
    InvoiceSeries,
)
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Code, Dimension, Journal, NewAccount, Single
from billing.money import Money
from billing.plans import service as plans
from billing.plans.rules.entitlements import Standing
from billing.plans.schemas import Desk, Subscription

_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))"
_DRAFT: Final = """
INSERT INTO invoice (
    id, agent_id, bearer, currency, month, issued_on, due_on, net_minor, tax_minor, total_minor,
    left_minor, state
)
SELECT id, agent_id, bearer, currency, month, issued_on, due_on, net_minor, tax_minor,
    net_minor + tax_minor, CASE bearer WHEN 'agent' THEN net_minor + tax_minor ELSE 0 END, 'draft'
FROM jsonb_to_recordset({}::jsonb) AS draft (
    id uuid, agent_id uuid, bearer text, currency text, month date, issued_on date, due_on date,
    net_minor bigint, tax_minor bigint
)
"""
_LINES: Final = """
INSERT INTO invoice_line (
    invoice_id, place, version_id, grant_id, meter, units, begins_on, ends_before, net_minor,
    tax_ppm, tax_minor
)
SELECT draft.id, line.place, line.version_id, line.grant_id, line.meter, line.units,
    line.begins_on, line.ends_before, line.net_minor, line.tax_ppm, line.tax_minor
FROM jsonb_to_recordset({}::jsonb) AS draft (id uuid, lines jsonb),
ROWS FROM (jsonb_to_recordset(draft.lines) AS (
    version_id uuid, grant_id uuid, meter text, units bigint, begins_on date, ends_before date,
    net_minor bigint, tax_ppm integer, tax_minor bigint
)) WITH ORDINALITY AS line (
    version_id, grant_id, meter, units, begins_on, ends_before, net_minor, tax_ppm, tax_minor,
    place
)
"""
# The row is locked to the end of the transaction: what is rolled back gives its numbers back.
_NUMBERS: Final = """
INSERT INTO invoice_series AS held (series, last_number) VALUES ({}, {})
ON CONFLICT (series) DO UPDATE SET last_number = held.last_number + EXCLUDED.last_number
RETURNING last_number
"""
_HELD: Final = """
SELECT id, agent_id, bearer, currency, total_minor, state, issued_on FROM invoice
WHERE id = ANY ({}::uuid[]) ORDER BY issued_on, id FOR NO KEY UPDATE
"""
_FINALISE: Final = """
UPDATE invoice SET state = 'final', series = {}, finalised_by = {}, finalised_at = {},
    number = {}::bigint + array_position({}::uuid[], id)
WHERE id = ANY ({}::uuid[])
"""
_STEP: Final = """
INSERT INTO dunning_step (agent_id, place, on_day, standing)
SELECT {}, place + (SELECT count(*) FROM dunning_step WHERE agent_id = {}), on_day, standing
FROM unnest({}::date[], {}::text[]) WITH ORDINALITY AS step (on_day, standing, place)
"""
_LEFT: Final = "UPDATE invoice SET left_minor = left_minor - {} WHERE id = {}"
_PAY: Final = """
INSERT INTO invoice_payment (
    id, invoice_id, agent_id, amount_minor, paid_on, recorded_by, recorded_at
) VALUES ({}, {}, {}, {}, {}, {}, {})
"""
_PAID: Final = "SELECT id, invoice_id, amount_minor, paid_on FROM invoice_payment WHERE id = {}"
_CREDIT: Final = """
INSERT INTO credit_note (
    id, invoice_id, agent_id, number, amount_minor, tax_minor, reason, made_by, made_at
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {})
"""
_CREDITED: Final = "SELECT id, invoice_id, amount_minor, reason FROM credit_note WHERE id = {}"
_AGENT: Final = "SELECT agent_id FROM invoice WHERE id = {}"
_FAPIAO: Final = """
INSERT INTO invoice_fapiao (invoice_id, agent_id, number, recorded_by, recorded_at)
VALUES ({}, {}, {}, {}, {}) ON CONFLICT DO NOTHING RETURNING true
"""

_INVOICES: Final = "invoice"
_CREDITS: Final = "credit"


async def advance(
    agent_id: UUID,
    until: date,
    desk: Desk,
    *,
    terms: DunningTerms = TERMS,
    finalises: bool = True,
) -> Carried:
    """Carry an agent's plan on to a day: bill months that ended, take the steps of what is overdue.

    Where its books contradict themselves it is parked with the reason, and nothing else is done.

    :param finalises: otherwise invoices stay drafts, to be looked at first.
    :raises ClockMovedBack: the day is before its clock.
    :raises SubscriptionParked: somebody has to look first.
    :raises DunningUnsound: the steps do not follow each other.
    """
    dunning.ensure_sound(terms)
    held = await plans.hold(agent_id, until)
    if held.parked_reason is not None:
        raise SubscriptionParked(held.parked_reason)
    found = course(held, await queries.owed(agent_id), until, terms)
    if reason := await _contradiction(agent_id):
        await plans.park(agent_id, reason)
        return _carried(held, [], parked_reason=reason, is_new=True)
    await _draft(found.drafts)
    if finalises and found.drafts:
        await _finalise([draft.id for draft in found.drafts], desk)
    await _step(agent_id, found.steps)
    await plans.carry_on(agent_id, found.clock.on, found.standing)
    carried = msgspec.structs.replace(held, clock_on=found.clock.on, standing=found.standing)
    return _carried(carried, [draft.id for draft in found.drafts], is_new=carried != held)


def _carried(
    held: Subscription, invoices: list[UUID], *, is_new: bool, parked_reason: str | None = None
) -> Carried:
    """Say what came of it."""
    return Carried(
        agent_id=held.agent_id,
        clock_on=held.clock_on,
        standing=held.standing,
        invoices=invoices,
        parked_reason=parked_reason,
        is_new=is_new,
    )


async def _contradiction(agent_id: UUID) -> str | None:
    """Say in what an agent's books contradict themselves, if they do."""
    found = await queries.contradictions_of(agent_id)
    if found:
        return f"{found[0].what}: {found[0].about}"
    if not await queries.is_balanced(agent_id):
        return "the ledger's balance is not what is left of the invoices"
    return None


async def _draft(drafts: Sequence[Draft]) -> None:
    """Write drafts down, with their lines."""
    if not drafts:
        return
    written: list[dict[str, Any]] = [
        {**msgspec.to_builtins(draft), "net_minor": draft.net_minor, "tax_minor": draft.tax_minor}
        for draft in drafts
    ]
    told = msgspec.json.encode(written).decode()
    await Invoice.raw(_DRAFT, told)
    await InvoiceLine.raw(_LINES, told)


async def finalise(invoice_id: UUID, desk: Desk) -> InvoiceView:
    """Make a draft final: it gets the next number, and never changes from then on.

    :raises InvoiceNotFound: there is none.
    :raises InvoiceState: it is final already.
    """
    await _hold(invoice_id, desk)
    await _finalise([invoice_id], desk)
    return await queries.invoice(invoice_id)


async def _finalise(invoice_ids: Sequence[UUID], desk: Desk) -> None:
    """Give drafts their numbers in the order of their days, and book them."""
    rows = await Invoice.raw(_HELD, list(invoice_ids))
    if any(row["state"] == State.FINAL for row in rows):
        raise InvoiceState("This invoice is final; a credit note voids it.")
    before = await _numbers(_INVOICES, len(rows)) - len(rows)
    ids = [row["id"] for row in rows]
    await Invoice.raw(_FINALISE, _INVOICES, desk.actor_id, desk.now, before, ids, ids)
    moved = [
        _moved(row["id"], row, row["total_minor"], desk, event=_EVENTS[Bearer(row["bearer"])])
        for row in rows
    ]
    await _record(uuid5(ids[0], "finalised"), moved, rows, desk)


_EVENTS: Final = {Bearer.AGENT: "invoice.finalised", Bearer.PLATFORM: "invoice.sponsored"}


async def pay(asked: Payment, desk: Desk) -> Settled:
    """Write down money that came in; who owes nothing overdue any more may do everything again.

    :raises InvoiceNotFound: there is none.
    :raises InvoiceState: it is a draft, or the platform bears it.
    :raises PaymentTooLarge: more than is left.
    :raises PaymentAhead: it is said to come in later than today.
    :raises InvoiceKeyReused: the id belongs to another payment.
    """
    if asked.paid_on > desk.today:
        raise PaymentAhead("A payment is written down once it has come in.")
    await Invoice.raw(_IN_TURN, f"invoices:{asked.id}")
    held = await _hold(asked.invoice_id, desk)
    if rows := await InvoicePayment.raw(_PAID, asked.id):
        _ensure_same(msgspec.convert(rows[0], Payment) == asked)
        return Settled(held, is_new=False)
    _ensure_final(held)
    if held.bearer is not Bearer.AGENT:
        raise InvoiceState("The platform bears this invoice; nobody pays it.")
    if asked.amount_minor > held.left_minor:
        raise PaymentTooLarge(f"{held.left_minor} minor units are left to be paid.")
    await InvoicePayment.raw(
        *(_PAY, asked.id, held.id, held.agent_id, asked.amount_minor, asked.paid_on),
        *(desk.actor_id, desk.now),
    )
    await Invoice.raw(_LEFT, asked.amount_minor, held.id)
    row = {"agent_id": held.agent_id, "bearer": held.bearer, "currency": held.currency}
    moved = _moved(uuid5(asked.id, "paid"), row, asked.amount_minor, desk, event="invoice.paid")
    await _record(moved.id, [moved], [row], desk)
    await _recover(held.agent_id, desk)
    return Settled(await queries.invoice(held.id), is_new=True)


async def credit(asked: Credit, desk: Desk) -> Settled:
    """Void an invoice, or a part of it, by a credit note with a number of its own series.

    :raises InvoiceNotFound: there is none.
    :raises InvoiceState: it is a draft.
    :raises CreditTooLarge: more than the invoice has left to credit.
    :raises InvoiceKeyReused: the id belongs to another credit note.
    """
    await Invoice.raw(_IN_TURN, f"invoices:{asked.id}")
    held = await _hold(asked.invoice_id, desk)
    if rows := await CreditNote.raw(_CREDITED, asked.id):
        _ensure_same(msgspec.convert(rows[0], Credit) == asked)
        return Settled(held, is_new=False)
    _ensure_final(held)
    before = sum(note.amount_minor for note in held.credits)
    tax = credit_notes.credited_tax(held.total_minor, held.tax_minor, before, asked.amount_minor)
    number = await _numbers(_CREDITS, 1)
    await CreditNote.raw(
        *(_CREDIT, asked.id, held.id, held.agent_id, number, asked.amount_minor, tax),
        *(asked.reason, desk.actor_id, desk.now),
    )
    is_owed = held.bearer is Bearer.AGENT
    await Invoice.raw(_LEFT, asked.amount_minor if is_owed else 0, held.id)
    row = {"agent_id": held.agent_id, "bearer": held.bearer, "currency": held.currency}
    event = "invoice.credited" if is_owed else "invoice.sponsorship_credited"
    moved = _moved(uuid5(asked.id, "credited"), row, asked.amount_minor, desk, event=event)
    await _record(moved.id, [moved], [row], desk, reason=asked.reason)
    await _recover(held.agent_id, desk)
    return Settled(await queries.invoice(held.id), is_new=True)


async def note_fapiao(invoice_id: UUID, number: str, desk: Desk) -> Settled:
    """Note the number of the e-invoice that was issued for an invoice, elsewhere.

    :raises FapiaoMalformed: it is no such number.
    :raises FapiaoTaken: it stands with another invoice, or this one has another number.
    :raises InvoiceNotFound: there is none.
    :raises InvoiceState: it is a draft.
    """
    fapiao.ensure_number(number, desk.today.year)
    held = await _hold(invoice_id, desk)
    _ensure_final(held)
    if held.fapiao == number:
        return Settled(held, is_new=False)
    if not await InvoiceFapiao.raw(
        _FAPIAO, held.id, held.agent_id, number, desk.actor_id, desk.now
    ):
        raise FapiaoTaken("This number stands with another invoice, or this one has a number.")
    return Settled(await queries.invoice(invoice_id), is_new=True)


async def _hold(invoice_id: UUID, desk: Desk) -> InvoiceView:
    """Lock all that its agent has, and give an invoice as it is then."""
    rows = await Invoice.raw(_AGENT, invoice_id)
    if not rows:
        raise InvoiceNotFound("There is no such invoice.")
    await plans.hold(rows[0]["agent_id"], desk.today)
    return await queries.invoice(invoice_id)


def _ensure_same(is_same: bool) -> None:  # noqa: FBT001 - it is all that is asked
    """Refuse an id that was used for something else."""
    if not is_same:
        raise InvoiceKeyReused("This id was used for something else; make a new one.")


def _ensure_final(held: InvoiceRow) -> None:
    """Refuse what only a final invoice takes."""
    if held.state is not State.FINAL:
        raise InvoiceState("This invoice is a draft; finalise it first.")


async def _numbers(series: str, count: int) -> int:
    """Take the next numbers of a series; give the last one."""
    [row] = await InvoiceSeries.raw(_NUMBERS, series, count)
    return int(row["last_number"])


async def _recover(agent_id: UUID, desk: Desk, terms: DunningTerms = TERMS) -> None:
    """Let an agent stand where what is left of its invoices puts it; never worse than before."""
    held = await plans.hold(agent_id, desk.today)
    stands = dunning.standing(await queries.owed(agent_id), held.clock_on, terms)
    order = list(Standing)
    if order.index(stands) < order.index(held.standing):
        await _step(agent_id, [Step(on=held.clock_on, standing=stands)])
        await plans.carry_on(agent_id, held.clock_on, stands)


async def _step(agent_id: UUID, steps: Sequence[Step]) -> None:
    """Write down where an agent stands."""
    if steps:
        days = [step.on for step in steps]
        await DunningStep.raw(_STEP, agent_id, agent_id, days, [step.standing for step in steps])


# ------------------------------------------------------------------------------------ the ledger


def _moved(transfer_id: UUID, row: Any, amount_minor: int, desk: Desk, *, event: str) -> Single:
    """Write the transfer of what happened to an invoice."""
    own = accounts.receivable_account(row["agent_id"], row["currency"])
    revenue = accounts.revenue_account(desk.platform_id, row["currency"])
    sponsored = accounts.sponsored_account(desk.platform_id, row["currency"])
    bank = accounts.bank_account(desk.platform_id, row["currency"])
    debit, credit_ = {
        "invoice.finalised": (own, revenue),
        "invoice.sponsored": (sponsored, revenue),
        "invoice.paid": (bank, own),
        "invoice.credited": (revenue, own),
        "invoice.sponsorship_credited": (revenue, sponsored),
    }[event]
    return Single(
        id=transfer_id,
        debit_id=debit,
        credit_id=credit_,
        amount=Money(amount_minor, row["currency"]),
        event=event,
        # What the platform bears itself is counted for an agent, too.
        dims={Dimension.AGENT: str(row["agent_id"])},
    )


async def _record(
    key: UUID,
    transfers: Sequence[Single],
    rows: Sequence[Any],
    desk: Desk,
    *,
    reason: str | None = None,
) -> None:
    """Open the accounts that are moved, and record it."""
    named = {(row["agent_id"], row["currency"]) for row in rows}
    wanted = {
        accounts.receivable_account(*each): (each[0], AccountKind.PLAN_RECEIVABLE, each[1])
        for each in named
    }
    for _, currency in named:
        for kind, name in (
            (AccountKind.PLAN_REVENUE, accounts.revenue_account),
            (AccountKind.PLAN_SPONSORED, accounts.sponsored_account),
            (AccountKind.BANK, accounts.bank_account),
        ):
            wanted[name(desk.platform_id, currency)] = (desk.platform_id, kind, currency)
    opened = [
        NewAccount(id=name, owner_id=owner, subject_id=owner, kind=kind, currency=currency)
        for name, (owner, kind, currency) in wanted.items()
    ]
    await ledger.open_accounts(opened, now=desk.now)
    outcome = await ledger.record(
        Journal(
            owner_id=desk.platform_id,
            key=key,
            group_id=key,
            transfers=list(transfers),
            actor_id=desk.actor_id,
            effective_at=desk.now,
            reason=reason,
        ),
        now=desk.now,
    )
    assert outcome.code is Code.RECORDED, f"the books take it: {outcome.code}"
