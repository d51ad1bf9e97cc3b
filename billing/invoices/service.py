"""Carry plans on, finalise invoices, take payments and credits. Joins the platform's transaction.

What is final never changes: a credit note voids it, or a part of it. A preview is the same code in
a transaction that is rolled back.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from billing.invoices import books, queries
from billing.invoices.books import Row
from billing.invoices.rules import credit_notes, dunning, fapiao
from billing.invoices.rules.course import Course, Step, course
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
from billing.ledger.schemas import Journal
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
WHERE id = ANY ({}::uuid[]) ORDER BY agent_id, issued_on, id
"""
_FINALISE: Final = """
UPDATE invoice SET state = 'final', series = {}, finalised_by = {}, finalised_at = {},
    number = {}::bigint + named.place
FROM unnest({}::uuid[]) WITH ORDINALITY named (id, place) WHERE invoice.id = named.id
"""
_STEP: Final = """
INSERT INTO dunning_step (agent_id, on_day, standing, place)
SELECT step.agent_id, on_day, standing, row_number() OVER (
    PARTITION BY step.agent_id ORDER BY n
) + (SELECT count(*) FROM dunning_step held WHERE held.agent_id = step.agent_id)
FROM unnest({}::uuid[], {}::date[], {}::text[]) WITH ORDINALITY
    step (agent_id, on_day, standing, n)
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
    """Carry an agent's plan on to a day, as `advance_all` does with some.

    :raises ClockMovedBack: the day is before its clock.
    :raises SubscriptionParked: somebody has to look first.
    :raises DunningUnsound: the steps do not follow each other.
    """
    [carried] = await advance_all([agent_id], until, desk, terms=terms, finalises=finalises)
    return carried


async def advance_all(
    agent_ids: Sequence[UUID],
    until: date,
    desk: Desk,
    *,
    terms: DunningTerms = TERMS,
    finalises: bool = True,
) -> list[Carried]:
    """Carry plans on to a day: bill months that ended, take the steps of what is overdue.

    As many statements for many agents as for one, and the same comes of it as one by one, in the
    order of their ids, in which they are answered. Whose books contradict themselves is parked with
    the reason, and nothing else is done to it. What is refused of one agent is refused of all.

    :param finalises: otherwise invoices stay drafts, to be looked at first.
    :raises ClockMovedBack: the day is before an agent's clock.
    :raises SubscriptionParked: somebody has to look into an agent's books first.
    :raises DunningUnsound: the steps do not follow each other.
    """
    dunning.ensure_sound(terms)
    held = await plans.hold_all(agent_ids, until)
    for each in held:
        if each.parked_reason is not None:
            raise SubscriptionParked(each.parked_reason)
    # Whom no step awaits may owe for years.
    owed = await queries.owed_by(
        [each.agent_id for each in held if each.standing is not Standing.EXPORT_ONLY]
    )
    courses = {
        each.agent_id: course(each, owed.get(each.agent_id, []), until, terms) for each in held
    }
    reasons = await queries.contradictions_of(agent_ids)
    for agent_id, reason in reasons.items():
        await plans.park(agent_id, reason)
        del courses[agent_id]
    await _follow(courses, until, desk if finalises else None)
    return [_carried(each, courses.get(each.agent_id), reasons.get(each.agent_id)) for each in held]


async def _follow(courses: Mapping[UUID, Course], until: date, desk: Desk | None) -> None:
    """Write down what happened to some agents' plans.

    :param desk: who makes their invoices final; with none they stay drafts.
    """
    drafts = [draft for found in courses.values() for draft in found.drafts]
    if drafts:
        await _draft(drafts)
    if drafts and desk is not None:
        await _finalise([draft.id for draft in drafts], desk)
    await _step({agent_id: found.steps for agent_id, found in courses.items()})
    await plans.carry_on({each: found.standing for each, found in courses.items()}, until)


def _carried(held: Subscription, found: Course | None, reason: str | None) -> Carried:
    """Say what came of carrying an agent's plan on; without a course it was parked."""
    clock_on = found.clock.on if found else held.clock_on
    standing = found.standing if found else held.standing
    return Carried(
        agent_id=held.agent_id,
        clock_on=clock_on,
        standing=standing,
        invoices=[draft.id for draft in found.drafts] if found else [],
        parked_reason=reason,
        is_new=reason is not None or (clock_on, standing) != (held.clock_on, held.standing),
    )


async def _draft(drafts: Sequence[Draft]) -> None:
    """Write drafts down, with their lines."""
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
    """Give drafts their numbers, agent by agent in the order of their days, and book them."""
    rows = await Invoice.raw(_HELD, list(invoice_ids))
    if any(row["state"] == State.FINAL for row in rows):
        raise InvoiceState("This invoice is final; a credit note voids it.")
    before = await _numbers(_INVOICES, len(rows)) - len(rows)
    ids = [row["id"] for row in rows]
    await Invoice.raw(_FINALISE, _INVOICES, desk.actor_id, desk.now, before, ids)
    await books.record_all(
        [_finalised(list(own), desk) for _, own in groupby(rows, itemgetter("agent_id"))],
        rows,
        desk,
    )


def _finalised(rows: Sequence[Row], desk: Desk) -> Journal:
    """Write the journal of one agent's invoices that became final."""
    moved = [
        books.moved(row["id"], row, row["total_minor"], desk, event=_EVENTS[Bearer(row["bearer"])])
        for row in rows
    ]
    return books.journal(uuid5(rows[0]["id"], "finalised"), moved, desk)


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
    key = uuid5(asked.id, "paid")
    moved = books.moved(key, row, asked.amount_minor, desk, event="invoice.paid")
    await books.record(moved, row, desk)
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
    moved = books.moved(uuid5(asked.id, "credited"), row, asked.amount_minor, desk, event=event)
    await books.record(moved, row, desk, reason=asked.reason)
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
        await _step({agent_id: [Step(on=held.clock_on, standing=stands)]})
        await plans.carry_on({agent_id: stands}, held.clock_on)


async def _step(taken: Mapping[UUID, Sequence[Step]]) -> None:
    """Write down where agents stand."""
    steps = [(agent_id, step) for agent_id, own in taken.items() for step in own]
    if steps:
        await DunningStep.raw(
            _STEP,
            [agent_id for agent_id, _ in steps],
            [step.on for _, step in steps],
            [step.standing for _, step in steps],
        )
