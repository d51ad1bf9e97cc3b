"""Read bulk changes: who may see one, and the newest of them."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.customers.bulk.rules import Before
from server.customers.bulk.schemas import BulkView, NewBulkEdit, NewHandOver, Refused
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor

_COLUMNS: Final = """id, kind, asked, changed, unchanged, refused, refusals, made_by, made_at,
    undone_by, undone_at, restored, kept"""
_ASKED: Final[dict[str, type[Any]]] = {"edit": NewBulkEdit, "hand_over": NewHandOver}


async def one(actor: Actor, bulk_id: UUID) -> BulkView:
    """Give a bulk change.

    :raises NotFound: there is none within sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return view(await row(actor, bulk_id))


async def page(actor: Actor, *, cursor: str | None, limit: int) -> Page[BulkView]:
    """List the bulk changes within sight, the newest first: one's own; all, for the owner."""
    ensure(actor, Permission.CUSTOMERS_READ)
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    args: list[Any] = [actor.tenant_id, actor.scope is Scope.TENANT, actor.user_id, limit + 1]
    behind = ""
    if cursor is not None:
        args += decode_cursor(cursor, tuple[datetime, UUID])
        behind = "AND (made_at, id) < ($5, $6)"
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT {_COLUMNS} FROM customer_bulk WHERE tenant_id = $1 AND ($2 OR made_by = $3)"  # noqa: S608 - constants and numbered parameters
            f" {behind} ORDER BY made_at DESC, id DESC LIMIT $4",
            *args,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        [view(each) for each in rows[:limit]],
        encode_cursor(last["made_at"], last["id"]) if last else None,
    )


async def row(actor: Actor, bulk_id: UUID, *, lock: bool = False) -> asyncpg.Record:
    """Fetch a bulk change that the actor may see, in the open transaction.

    :raises NotFound: there is none.
    """
    found = await db.connection().fetchrow(
        f"SELECT {_COLUMNS} FROM customer_bulk WHERE tenant_id = $1 AND id = $2"  # noqa: S608 - constants and numbered parameters
        f" {'FOR UPDATE' if lock else ''}",
        actor.tenant_id,
        bulk_id,
    )
    is_mine = found is not None and found["made_by"] == actor.user_id
    if found is None or not (is_mine or actor.scope is Scope.TENANT):
        raise NotFound
    return found


async def written(actor: Actor, bulk_id: UUID) -> dict[tuple[str, str], Before]:
    """Give what stood in each record that a bulk change wrote, in the open transaction."""
    rows = await db.connection().fetch(
        "SELECT record_kind, record_id::text, before FROM customer_bulk_row"
        " WHERE tenant_id = $1 AND bulk_id = $2",
        actor.tenant_id,
        bulk_id,
    )
    return {
        (each["record_kind"], each["record_id"]): msgspec.json.decode(each["before"], type=Before)
        for each in rows
    }


def view(found: asyncpg.Record) -> BulkView:
    """Turn a row into a view."""
    given: dict[str, Any] = {"edit": None, "hand_over": None}
    given |= {name: value for name, value in found.items() if name != "asked"}
    given[found["kind"]] = msgspec.json.decode(found["asked"], type=_ASKED[found["kind"]])
    given["refusals"] = msgspec.json.decode(found["refusals"], type=list[Refused])
    return BulkView(**given)


async def refused_by_name(actor: Actor, bulk_id: UUID) -> list[tuple[Refused, str]]:
    """Give those that a bulk change left alone and that the actor still sees, with their names."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        refusals = {each.customer_id: each for each in view(await row(actor, bulk_id)).refusals}
        where = Where(actor)
        where.add("c.id = ANY({}::uuid[])", list(refusals))
        rows = await db.connection().fetch(
            f"SELECT c.id, c.name FROM customer c WHERE {where.text} ORDER BY c.name_pinyin, c.id",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
    return [(refusals[each["id"]], each["name"]) for each in rows]
