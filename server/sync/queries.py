"""Read the conflict inbox, and what was merged into a customer."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.changelog import storage
from server.customers.rules import masks
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.sync import scopes
from server.sync.comparing import preview
from server.sync.pairs import pairs, told_apart
from server.sync.registry import KINDS
from server.sync.schemas import ConflictView, MergeLine

__all__ = ["conflicts", "merges_of", "pairs", "preview", "told_apart"]

_LAST_ID: Final = UUID(int=2**128 - 1)
_JSON: Final = ("kept", "other")
_MERGES: Final = """
SELECT m.id, m.old_id AS merged_id, c.name AS merged_name, m.merged_by, m.merged_at, m.undone_at
FROM customer_merge m JOIN customer c ON c.tenant_id = m.tenant_id AND c.id = m.old_id
WHERE m.tenant_id = $1 AND m.into_id = $2 ORDER BY m.seq DESC LIMIT 100
"""


async def conflicts(
    actor: Actor,
    *,
    customer_id: UUID | None = None,
    state: str = "open",
    cursor: str | None = None,
) -> Page[ConflictView]:
    """List conflicts within the actor's sight, newest first."""
    ensure(actor, Permission.CUSTOMERS_READ)
    before = decode_cursor(cursor, tuple[UUID])[0] if cursor else _LAST_ID
    rows = await _fetch(actor, customer_id, state, before, PAGE_SIZE + 1)
    items = [_view(actor, row) for row in rows[:PAGE_SIZE]]
    return Page(items, encode_cursor(items[-1].id) if len(rows) > PAGE_SIZE else None)


async def conflict(actor: Actor, conflict_id: UUID) -> ConflictView | None:
    """Give one conflict, if it is within the actor's sight."""
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"{_select(actor.scope)} AND k.id = $4",
            actor.tenant_id,
            actor.user_id,
            actor.team_id,
            conflict_id,
        )
    return _view(actor, row) if row else None


async def _fetch(
    actor: Actor, customer_id: UUID | None, state: str, before: UUID, limit: int
) -> Sequence[asyncpg.Record]:
    """Fetch a page of conflicts."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows: Sequence[asyncpg.Record] = await db.connection().fetch(
            f"{_select(actor.scope)} AND k.id < $4 AND k.state = $5"
            " AND ($6::uuid IS NULL OR k.customer_id = $6) ORDER BY k.id DESC LIMIT $7",
            actor.tenant_id,
            actor.user_id,
            actor.team_id,
            before,
            state,
            customer_id,
            limit,
        )
    return rows


@cache
def _select(scope: Scope) -> str:
    """Write the SELECT of conflicts in a scope. $1 tenant, $2 user, $3 team."""
    within = scopes.predicate(scope, "c", user="$2", team="$3")
    return f"""
        SELECT k.id, k.customer_id, k.kind, k.record_id, k.field, k.kept, k.other, k.kept_by,
            k.other_by, k.happened_at, k.state, c.name AS customer_name, c.owner_id
        FROM conflict k
        LEFT JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
        WHERE k.tenant_id = $1 AND (k.customer_id IS NULL OR {within})
    """  # noqa: S608 - predicates are constants of server.sync.scopes


def _view(actor: Actor, row: asyncpg.Record) -> ConflictView:
    """Turn a row into what is shown to the actor."""
    values: dict[str, Any] = dict(row)
    for name in _JSON:
        values[name] = None if row[name] is None else msgspec.json.decode(row[name])
        if masks.hides(actor, row["owner_id"]):
            values[name] = masks.shown(row["field"], values[name])
    return msgspec.convert(values, ConflictView)


async def merges_of(actor: Actor, customer_id: UUID) -> list[MergeLine]:
    """List what was merged into a customer, the latest first.

    :raises NotFound: it is not there, or not within sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        held = await storage.load(actor, KINDS, [("customer", str(customer_id))], lock=False)
        if not any(each.visible for each in held.values()):
            raise NotFound
        rows = await db.connection().fetch(_MERGES, actor.tenant_id, customer_id)
    return [MergeLine(**row) for row in rows]
