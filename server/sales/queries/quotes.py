"""Quotes: one with all that was done with it, and lists."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from server.access import Actor, Permission, ensure
from server.customers.reveals.beneath import Holder, holder
from server.customers.rules import masks
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.sales.queries.products import sees_floors, sold
from server.sales.rules import quotes as rules
from server.sales.rules.quotes import Sold
from server.sales.schemas import (
    FloorView,
    QuoteDetail,
    QuoteEventView,
    QuoteFilters,
    QuoteView,
)
from sync_protocol.quoting import lines as quoting

_COLUMNS: Final = """
    q.id, q.seq, q.customer_id, c.name AS customer_name, q.opportunity_id,
    o.name AS opportunity_name, q.price_book_id, q.name, q.lines, q.discount_minor, q.valid_until,
    q.remark, q.state, q.state_since, q.currency, q.edited_by, q.submitted_by, q.decided_by,
    q.decision, q.created_at, c.owner_id AS customer_owner_id
"""
_FROM: Final = """
    quote q JOIN customer c ON c.tenant_id = q.tenant_id AND c.id = q.customer_id
    JOIN opportunity o ON o.tenant_id = q.tenant_id AND o.id = q.opportunity_id
"""
EVENT: Final = """
SELECT id, quote_id, seq, verb, from_state, state, content_hash, total_minor, remark, done_by,
    done_at
FROM quote_event WHERE tenant_id = $1
"""
_EVENTS: Final = f"{EVENT} AND quote_id = $2 ORDER BY seq DESC, id DESC"
_SAID: Final = """
SELECT quote_id, string_agg(remark, E'\\n') AS said FROM quote_event
WHERE tenant_id = $1 AND quote_id = ANY($2::uuid[]) GROUP BY quote_id
"""
_UNTOLD: Final = frozenset({"created_seq", "customer_owner_id"})


async def one(actor: Actor, quote_id: UUID) -> QuoteView:
    """Give one quote within sight.

    :raises NotFound: there is none, or it is out of sight.
    """
    return _view(actor, await _row(actor, quote_id))


async def detail(actor: Actor, quote_id: UUID) -> QuoteDetail:
    """Give a quote with what was done with it, and how it stands to its floors."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        row = await _row(actor, quote_id)
        quote = _view(actor, row)
        events = await db.connection().fetch(_EVENTS, actor.tenant_id, quote_id)
        held: dict[UUID, Sold] = {}
        if sees_floors(actor):
            wanted = [UUID(line.product_id) for line in quote.lines]
            held = await sold(actor, quote.price_book_id, wanted)
    return QuoteDetail(
        quote=quote,
        floors=_floors(quote, held) if sees_floors(actor) else [],
        events=[
            masks.view(actor, row["customer_owner_id"], QuoteEventView(**each)) for each in events
        ],
    )


async def list_page(
    actor: Actor, filters: QuoteFilters, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[QuoteView]:
    """List the quotes within sight, the newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    where = _where(actor)
    if filters.state is not None:
        where.add("q.state = {}", filters.state)
    if filters.opportunity_id is not None:
        where.add("q.opportunity_id = {}", filters.opportunity_id)
    if filters.customer_id is not None:
        where.add("q.customer_id = {}", filters.customer_id)
    if cursor is not None:
        where.add("(q.created_seq, q.id) < ({}, {})", *decode_cursor(cursor, tuple[int, UUID]))
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT {_COLUMNS}, q.created_seq FROM {_FROM} WHERE {where.text}"  # noqa: S608 - constants and numbered parameters
            f" ORDER BY q.created_seq DESC, q.id DESC LIMIT {limit + 1}",
            *where.args,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        [_view(actor, row) for row in rows[:limit]],
        encode_cursor(last["created_seq"], last["id"]) if last else None,
    )


async def holders(actor: Actor, customer_id: UUID, _now: datetime) -> list[Holder]:
    """Give what numbers may stand in of a customer's quotes within sight."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = (await list_page(actor, QuoteFilters(customer_id=customer_id), limit=50)).items
        rows = await db.connection().fetch(_SAID, actor.tenant_id, [each.id for each in found])
    said = {row["quote_id"]: row["said"] for row in rows}
    return [holder(each.name, each, said.get(each.id)) for each in found]


async def of_deal(actor: Actor, opportunity_id: UUID) -> list[QuoteView]:
    """List the quotes of a deal, the newest first; none of a deal out of sight."""
    return (await list_page(actor, QuoteFilters(opportunity_id=opportunity_id), limit=50)).items


def _where(actor: Actor) -> Where:
    """Begin a question about the quotes of the customers within sight."""
    where = Where(actor)
    where.add("q.tenant_id = {} AND NOT q.deleted", actor.tenant_id)
    return where


async def _row(actor: Actor, quote_id: UUID) -> asyncpg.Record:
    """Read a quote within sight with the names of its customer and deal."""
    ensure(actor, Permission.CUSTOMERS_READ)
    where = _where(actor)
    where.add("q.id = {}", quote_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    if row is None:
        raise NotFound
    return row


def _view(actor: Actor, row: asyncpg.Record) -> QuoteView:
    """Turn a row into a view, counted anew, for the actor, from whom numbers may be hidden."""
    given: dict[str, Any] = {name: value for name, value in row.items() if name not in _UNTOLD}
    lines = rules.read(given)
    given["discount_minor"] = given["discount_minor"] or 0
    view = QuoteView(
        **{
            **given,
            "lines": list(lines),
            "totals": quoting.totals(lines, given["discount_minor"]),
            "content_hash": rules.hash_of(row),
        }
    )
    return masks.view(actor, row["customer_owner_id"], view)


def _floors(quote: QuoteView, held: dict[UUID, Sold]) -> list[FloorView]:
    """Say of each line how it stands to its floor."""
    priced = [line for line in quote.lines if UUID(line.product_id) in held]
    is_whole = len(priced) == len(quote.lines)
    below = rules.below_floor(quote.lines, quote.discount_minor, held) if is_whole else ()
    misnamed = rules.misnamed(quote.lines, held)
    floors = {product_id: each.floor_minor for product_id, each in held.items()}
    return [
        FloorView(
            line_id=line.id,
            floor_minor=floors.get(UUID(line.product_id)),
            is_below=line.id in below,
            is_misnamed=line.id in misnamed,
        )
        for line in quote.lines
    ]
