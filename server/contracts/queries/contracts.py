"""Contracts: one with all that was done with it, and lists."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.contracts import rules
from server.contracts.schemas import (
    ContractDetail,
    ContractEventView,
    ContractFilters,
    ContractView,
    InstalmentView,
    ReceiptView,
)
from server.customers.reveals.beneath import Holder, holder
from server.customers.rules import masks
from server.customers.sight import Where, newest_first
from server.identity.rules.absences import day_of
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page
from sync_protocol.contracting.states import BINDING
from sync_protocol.quoting import lines as quoting

_UNTRACED: Final = """
k.opportunity_id IS NULL AND k.renews_id IS NULL AND NOT EXISTS (
    SELECT FROM raw_lead r WHERE r.tenant_id = k.tenant_id AND r.customer_id = k.customer_id
        AND r.received_at <= k.created_at)
"""
"""Nothing leads to it: no deal, no earlier contract, no lead that its customer came of (S49)."""
_COLUMNS: Final = f"""
    k.id, k.seq, k.customer_id, c.name AS customer_name, k.opportunity_id,
    o.name AS opportunity_name, o.state AS opportunity_state, k.quote_id, k.renews_id, k.title,
    k.number, k.party_a, k.party_b, k.currency, k.amount_minor, k.plan, k.effective_on, k.ends_on,
    k.account_manager_id, k.remark, k.state, k.state_since, k.signed_on, k.closed_on, k.lines,
    k.received, k.received_minor, k.edited_by, k.submitted_by, k.decided_by, k.decision,
    k.created_at, (
        SELECT n.id FROM contract n WHERE n.tenant_id = k.tenant_id AND n.renews_id = k.id
            AND n.state <> 'void' AND NOT n.deleted ORDER BY n.id LIMIT 1
    ) AS renewed_by_id, {_UNTRACED} AS is_untraced,
    c.owner_id AS customer_owner_id
"""  # noqa: S608 - constants
_FROM: Final = """
    contract k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
    LEFT JOIN opportunity o ON o.tenant_id = k.tenant_id AND o.id = k.opportunity_id
"""
EVENT: Final = """
SELECT id, contract_id, seq, verb, from_state, state, content_hash, remark, done_by, done_at
FROM contract_event WHERE tenant_id = $1
"""
_EVENTS: Final = f"{EVENT} AND contract_id = $2 ORDER BY seq DESC, id DESC"
RECEIPT: Final = """
SELECT id, contract_id, instalment_id, seq, amount_minor, received_on, remark, noted_by, noted_at
FROM contract_receipt WHERE tenant_id = $1
"""
_RECEIPTS: Final = f"{RECEIPT} AND contract_id = $2 ORDER BY seq DESC, id DESC"
_SAID: Final = """
SELECT contract_id, string_agg(remark, E'\\n') AS said FROM (
    SELECT tenant_id, contract_id, remark FROM contract_event
    UNION ALL SELECT tenant_id, contract_id, remark FROM contract_receipt
) each WHERE tenant_id = $1 AND contract_id = ANY($2::uuid[]) GROUP BY contract_id
"""
_RENEWED: Final = """
NOT EXISTS (SELECT FROM contract n WHERE n.tenant_id = k.tenant_id AND n.renews_id = k.id
    AND n.state <> 'void' AND NOT n.deleted)
"""


async def one(actor: Actor, contract_id: UUID, *, now: datetime) -> ContractView:
    """Give one contract within sight.

    :raises NotFound: there is none, or it is out of sight.
    """
    return _view(actor, await _row(actor, contract_id), now)


async def detail(actor: Actor, contract_id: UUID, *, now: datetime) -> ContractDetail:
    """Give a contract with what was done with it and what came in."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        row = await _row(actor, contract_id)
        events = await db.connection().fetch(_EVENTS, actor.tenant_id, contract_id)
        receipts = await db.connection().fetch(_RECEIPTS, actor.tenant_id, contract_id)
    owner_id = row["customer_owner_id"]
    return ContractDetail(
        contract=_view(actor, row, now),
        events=[masks.view(actor, owner_id, ContractEventView(**each)) for each in events],
        receipts=[masks.view(actor, owner_id, ReceiptView(**each)) for each in receipts],
    )


async def _row(actor: Actor, contract_id: UUID) -> asyncpg.Record:
    """Read a contract within sight."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("k.id = {}", contract_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    if row is None:
        raise NotFound
    return row


async def list_page(
    actor: Actor,
    filters: ContractFilters,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[ContractView]:
    """List the contracts within sight, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _filtered(actor, filters, now)
    rows, following = await newest_first(actor, _COLUMNS, _FROM, where, cursor, limit)
    return Page([_view(actor, row, now) for row in rows], following)


async def of_customer(actor: Actor, customer_id: UUID, *, now: datetime) -> list[ContractView]:
    """List the contracts of a customer, the newest first; none of one out of sight."""
    filters = ContractFilters(customer_id=customer_id)
    return (await list_page(actor, filters, now=now, limit=50)).items


async def holders(actor: Actor, customer_id: UUID, now: datetime) -> list[Holder]:
    """Give what numbers may stand in of a customer's contracts within sight."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await of_customer(actor, customer_id, now=now)
        rows = await db.connection().fetch(_SAID, actor.tenant_id, [each.id for each in found])
    said = {row["contract_id"]: row["said"] for row in rows}
    return [holder(each.title, each, said.get(each.id)) for each in found]


async def of_deal(actor: Actor, opportunity_id: UUID, *, now: datetime) -> list[ContractView]:
    """List the contracts of a deal, the newest first; none of a deal out of sight."""
    filters = ContractFilters(opportunity_id=opportunity_id)
    return (await list_page(actor, filters, now=now, limit=50)).items


def _where(actor: Actor) -> Where:
    """Begin a question about the contracts of the customers within sight."""
    where = Where(actor)
    where.add("k.tenant_id = {} AND NOT k.deleted", actor.tenant_id)
    return where


def _filtered(actor: Actor, filters: ContractFilters, now: datetime) -> Where:
    """Turn filters into conditions."""
    where, today = _where(actor), day_of(now)
    for name in ("state", "customer_id", "opportunity_id"):
        if (value := getattr(filters, name)) is not None:
            where.add(f"k.{name} = {{}}", value)
    if filters.q and (text := filters.q.strip()):
        where.add_text(("k.title", "coalesce(k.number, '')", "c.name"), text)
    if filters.ending_within is not None:
        until = today + timedelta(days=filters.ending_within)
        where.add("k.state IN ('signed', 'in_force') AND k.ends_on <= {}", str(until))
        where.add(_RENEWED)
    if filters.is_overdue:
        where.add("k.next_due_on <> '' AND k.next_due_on < {}", str(today))
    if filters.is_untraced:
        where.add(f"k.state <> 'void' AND {_UNTRACED}")
    return where


def _view(actor: Actor, row: asyncpg.Record, now: datetime) -> ContractView:
    """Turn a row into a view, its payments counted as of today; numbers may be hidden."""
    given: dict[str, Any] = dict(row)
    given.pop("created_seq", None)
    owner_id = given.pop("customer_owner_id")
    today, is_binding = str(day_of(now)), given["state"] in BINDING
    held = dict(msgspec.json.decode(given.pop("received") or "[]", type=list[tuple[str, int]]))
    plan = rules.plan_of(given)
    overdue, next_on = rules.waiting(plan, held, today) if is_binding else (0, None)
    given["plan"] = [
        InstalmentView(
            id=UUID(each.id),
            name=each.name,
            due_on=each.due_on,
            amount_minor=each.amount_minor,
            received_minor=held.get(each.id, 0),
            is_overdue=is_binding
            and each.due_on < today
            and held.get(each.id, 0) < each.amount_minor,
        )
        for each in plan
    ]
    view = ContractView(
        **{
            **given,
            "lines": list(quoting.read(given["lines"])) if given["lines"] else [],
            "overdue_minor": overdue,
            "next_due_on": next_on,
            "content_hash": rules.hash_of(row),
        }
    )
    return masks.view(actor, owner_id, view)
