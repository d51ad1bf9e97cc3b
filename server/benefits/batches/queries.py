"""Ask about batches. An agent is answered with its rows, the platform with counts and the hash."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits.batches.rules import BatchState
from server.benefits.batches.schemas import BatchRowView, BatchView, Outcomes
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

_BATCHES: Final = """
SELECT b.id, b.agent_id, b.program_id, p.name AS program_name, b.state, b.rows, b.open_rows,
    b.amount_minor, b.currency, b.content_hash, b.made_at, b.decided_at, b.reason, b.finished_at
FROM benefit_batch b JOIN benefit_program p ON p.id = b.program_id
"""
_ROWS: Final = """
SELECT r.id, r.place, r.given, r.customer_id, c.name AS customer_name, r.code
FROM benefit_batch_row r
LEFT JOIN customer c ON c.tenant_id = r.tenant_id AND c.id = r.customer_id
WHERE r.tenant_id = $1 AND r.batch_id = $2 AND r.place > $3
AND (NOT $4 OR (r.code IS NOT NULL AND r.code <> 'issued'))
ORDER BY r.place LIMIT $5
"""
_OUTCOMES: Final = """
SELECT coalesce(code, 'waiting') AS code, count(*) AS rows FROM benefit_batch_row
WHERE tenant_id = $1 AND batch_id = $2 GROUP BY 1 ORDER BY 1
"""
_KNOWN_BY: Final = {
    "customer_id": "c.id",
    "uscc": "c.uscc",
    "phone": "c.phone",
    "name": "normalize(c.name, NFKC)",
}
_REJECTED_BLOCK: Final = 1_000


async def batches(actor: Actor, *, cursor: str | None = None) -> Page[BatchView]:
    """List the batches of one's company, the newest first."""
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_BATCH)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await _page("b.agent_id = $2", actor.tenant_id, cursor)


async def batch(actor: Actor, batch_id: UUID) -> Outcomes:
    """Give one batch of one's company with what came of its rows.

    :raises NotFound: also when it is another tenant's.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_BATCH)
    async with db.tenant_transaction(actor.tenant_id):
        view = await one(batch_id)
        found = await db.connection().fetch(_OUTCOMES, actor.tenant_id, batch_id)
    return Outcomes(batch=view, outcomes={row["code"]: row["rows"] for row in found})


async def rows(
    actor: Actor, batch_id: UUID, *, cursor: str | None = None, only_rejected: bool = False
) -> Page[BatchRowView]:
    """List the rows of a batch in their order.

    :raises NotFound: also when it is another tenant's.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_BATCH)
    after = decode_cursor(cursor, tuple[int])[0] if cursor else 0
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await one(batch_id)
        found = await _rows(actor, batch_id, after, PAGE_SIZE + 1, only_rejected=only_rejected)
    items = found[:PAGE_SIZE]
    return Page(items, encode_cursor(items[-1].place) if len(found) > PAGE_SIZE else None)


async def rejected(actor: Actor, batch_id: UUID) -> AsyncIterator[list[BatchRowView]]:
    """Give the rows that were refused, a block at a time."""
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_BATCH)
    after = 0
    while True:
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            await one(batch_id)
            found = await _rows(actor, batch_id, after, _REJECTED_BLOCK, only_rejected=True)
        if not found:
            return
        yield found
        after = found[-1].place


async def _rows(
    actor: Actor, batch_id: UUID, after: int, limit: int, *, only_rejected: bool
) -> list[BatchRowView]:
    """Read rows above a place."""
    found = await db.connection().fetch(
        _ROWS, actor.tenant_id, batch_id, after, only_rejected, limit
    )
    return msgspec.convert([dict(row) for row in found], list[BatchRowView])


async def submitted(
    actor: Actor, *, now: datetime, state: BatchState | None = None, cursor: str | None = None
) -> Page[BatchView]:
    """List the batches of all agents, the newest first; each agent on the page is told."""
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        page = await _page("($2::text IS NULL OR b.state = $2)", state, cursor)
        agents = [view.agent_id for view in page.items]
        await audit.record_platform_read(actor, agents, "benefits.batches", now=now)
    return page


async def submitted_one(actor: Actor, batch_id: UUID, *, now: datetime) -> BatchView:
    """Give one batch to the platform; its agent is told.

    :raises NotFound: there is none with this id.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        view = await one(batch_id)
        await audit.record_platform_read(
            actor, [view.agent_id], "benefits.batches", now=now, batch_id=batch_id
        )
    return view


async def one(batch_id: UUID) -> BatchView:
    """Give a batch inside an open transaction of either side.

    :raises NotFound: it is not there for this side.
    """
    row = await db.connection().fetchrow(f"{_BATCHES} WHERE b.id = $1", batch_id)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), BatchView)


async def _page(condition: str, value: Any, cursor: str | None) -> Page[BatchView]:
    """Read a page of batches below a cursor."""
    before = decode_cursor(cursor, tuple[UUID])[0] if cursor else None
    found = await db.connection().fetch(
        f"{_BATCHES} WHERE ($1::uuid IS NULL OR b.id < $1) AND {condition}"
        f" ORDER BY b.id DESC LIMIT {PAGE_SIZE + 1}",
        before,
        value,
    )
    items = msgspec.convert([dict(row) for row in found[:PAGE_SIZE]], list[BatchView])
    return Page(items, encode_cursor(items[-1].id) if len(found) > PAGE_SIZE else None)


async def known_by(
    actor: Actor, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[UUID]]:
    """Find the customers within sight by what rows say of them, in one question a column."""
    found: dict[tuple[str, str], list[UUID]] = {}
    for column, expression in _KNOWN_BY.items():
        values: Sequence[Any] = sorted({value for kind, value in keys if kind == column})
        if not values:
            continue
        where = Where(actor)
        kind = "uuid" if column == "customer_id" else "text"
        where.add(f"{expression} = ANY ({{}}::{kind}[])", values)
        rows_found = await db.connection().fetch(
            f"SELECT c.id, {expression}::text AS value FROM customer c WHERE {where.text}"  # noqa: S608 - constants
            " ORDER BY c.id",
            *where.args,
        )
        for row in rows_found:
            found.setdefault((column, row["value"]), []).append(row["id"])
    return found
