"""Visits: one, a list, those of a customer, those that wait to be made."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.activities.rules import trust
from server.activities.schemas import Moment, ReasonView, VisitFilters, VisitState, VisitView
from server.customers import queries as customers
from server.customers.rules import masks
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.kit.schema import or_else

_VISITS: Final = """
SELECT v.*, c.name AS customer_name, c.owner_id AS customer_owner_id
FROM visit v JOIN customer c ON c.tenant_id = v.tenant_id AND c.id = v.customer_id
"""
_AT: Final = or_else(
    "v.checked_in_at", or_else("v.planned_at", "timestamptz '9999-12-31 00:00:00+00'")
)
"""When a visit took place, or is planned for; far ahead where nobody has said."""
_NEVER: Final = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
_STATES: Final = {
    VisitState.PLANNED: "v.checked_in_at IS NULL AND v.cancelled_at IS NULL",
    VisitState.OPEN: "v.checked_in_at IS NOT NULL AND v.checked_out_at IS NULL",
    VisitState.DONE: "v.checked_out_at IS NOT NULL",
    VisitState.CANCELLED: "v.cancelled_at IS NOT NULL",
}
_SHOWN_OF_CUSTOMER: Final = 50
_DUE_MAX: Final = 100


async def visit(actor: Actor, visit_id: UUID) -> VisitView:
    """Give one visit to a customer within sight.

    :raises NotFound: there is none, or it is out of sight, or another company's.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor)
    where.add("v.id = {}", visit_id)
    found = await _fetch(actor, where, "")
    if not found:
        raise NotFound
    return found[0]


async def visits(
    actor: Actor, filters: VisitFilters, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[VisitView]:
    """List visits by their time: the latest first, and planned ones the soonest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    where = Where(actor)
    where.add("v.tenant_id = {}", actor.tenant_id)
    if filters.customer_id is not None:
        where.add("v.customer_id = {}", filters.customer_id)
    if filters.visitor_id is not None:
        where.add("v.visitor_id = {}", filters.visitor_id)
    if filters.state is not None:
        where.add(_STATES[filters.state])
    if filters.is_doubted:
        where.add("v.trust_score < {} AND v.appeal_state IS DISTINCT FROM 'upheld'", trust.DOUBTED)
    if filters.is_appealed:
        where.add("v.appeal_state = 'open'")
    is_ahead = filters.state is VisitState.PLANNED
    behind, order = (">", f"{_AT}, v.id") if is_ahead else ("<", f"{_AT} DESC, v.id DESC")
    if cursor is not None:
        last = decode_cursor(cursor, tuple[Moment, UUID])
        where.add(f"({_AT}, v.id) {behind} ({{}}, {{}})", *last)
    found = await _fetch(actor, where, f"ORDER BY {order} LIMIT {where.param(limit + 1)}")
    if len(found) <= limit:
        return Page(found)
    held = found[limit - 1]
    at = held.checked_in_at or held.planned_at or _NEVER
    return Page(found[:limit], encode_cursor(at, held.id))


async def visits_of(actor: Actor, customer_id: UUID) -> list[VisitView]:
    """List the latest visits to a customer.

    :raises NotFound: the customer is not there, or out of sight.
    """
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await customers.one(actor, customer_id)
        page = await visits(actor, VisitFilters(customer_id=customer_id), limit=_SHOWN_OF_CUSTOMER)
    return page.items


async def due_visits(actor: Actor, *, until: datetime) -> list[VisitView]:
    """List the actor's own visits that go on, or are planned for before a moment; soonest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = Where(actor)
    where.add("v.visitor_id = {} AND v.cancelled_at IS NULL", actor.user_id)
    where.add("v.checked_out_at IS NULL")
    where.add("(v.checked_in_at IS NOT NULL OR v.planned_at < {})", until)
    order = f"ORDER BY coalesce(v.checked_in_at, v.planned_at), v.id LIMIT {_DUE_MAX}"
    return await _fetch(actor, where, order)


async def _fetch(actor: Actor, where: Where, order: str) -> list[VisitView]:
    """Read the visits that conditions leave."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(
            f"{_VISITS} WHERE {where.text} {order}",
            *where.args,
        )
    return [masks.view(actor, row["customer_owner_id"], _view(row)) for row in rows]


def _view(row: asyncpg.Record) -> VisitView:
    """Turn a row into a view; columns that the view does not show are left out."""
    told = row["trust_reasons"]
    reasons = msgspec.json.decode(told, type=list[ReasonView]) if told else []
    return msgspec.convert({**row, "trust_reasons": reasons}, VisitView)
