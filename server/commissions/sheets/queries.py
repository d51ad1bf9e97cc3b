"""Ask about sheets of sales. The platform's finance alone sees them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.commissions import known as books
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.commissions.sheets import parts
from server.commissions.sheets.columns import SaleMap, small
from server.commissions.sheets.rows import Directory
from server.commissions.sheets.schemas import (
    NewSheetMap,
    SheetCounts,
    SheetResult,
    SheetRow,
    SheetView,
)
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.partners import queries as partners

_SHEET: Final = """
SELECT id, map_id, file_name, encode(sha256, 'hex') AS sha256, state, rows, are_others,
    handed_in_by, handed_in_at, finished_at
FROM commission_sheet
"""
_SHEETS: Final = f"""
{_SHEET} WHERE $1::timestamptz IS NULL OR (handed_in_at, id) < ($1::timestamptz, $2::uuid)
ORDER BY handed_in_at DESC, id DESC LIMIT $3
"""
_ONE: Final = f"{_SHEET} WHERE id = $1"
_MAPS: Final = "SELECT id, name, column_map FROM commission_sheet_map"
_MAPS_MAX: Final = 200
_MAP: Final = f"{_MAPS} WHERE id = $1"
_NEWEST: Final = f"{_MAPS} ORDER BY saved_at DESC, id DESC LIMIT {_MAPS_MAX}"
_READ_BY: Final = """
SELECT map.id, map.name, map.column_map, sheet.header
FROM commission_sheet sheet JOIN commission_sheet_map map ON map.id = sheet.map_id
WHERE sheet.id = $1
"""
_CELL_MAX: Final = 200


def ensure_may_see(actor: Actor) -> None:
    """Refuse who records no sales."""
    ensure(actor, Permission.COMMISSIONS_KEEP)


async def maps(actor: Actor) -> list[NewSheetMap]:
    """List how sheets are read, what was saved last first; the newest 200."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_NEWEST)
    return [as_map(row) for row in rows]


def as_map(row: Any) -> NewSheetMap:
    """Give a saved map."""
    by = msgspec.json.decode(row["column_map"], type=SaleMap)
    return NewSheetMap(id=row["id"], name=row["name"], column_map=by)


async def saved_map(map_id: UUID) -> NewSheetMap:
    """Give a saved map, inside the caller's transaction.

    :raises NotFound: there is none.
    """
    row = await db.connection().fetchrow(_MAP, map_id)
    if row is None:
        raise NotFound("There is no such column map.", field="map_id")
    return as_map(row)


async def read_by(sheet_id: UUID) -> tuple[list[str], SaleMap]:
    """Give what a sheet's columns are called, and by what map it is read; in a transaction."""
    row = await db.connection().fetchrow(_READ_BY, sheet_id)
    assert row is not None, "it was asked for before"
    return msgspec.json.decode(row["header"], type=list[str]), as_map(row).column_map


async def directory(actor: Actor) -> Directory:
    """Gather whom and what rows may name."""
    agents: dict[str, list[UUID]] = defaultdict(list)
    for agent in await partners.agents(actor):
        for called in {small(agent.name), small(agent.short_name), str(agent.tenant_id)} - {""}:
            agents[called].append(agent.tenant_id)
    async with db.platform_transaction(actor):
        return Directory(agents, await books.plans())


async def sheets(actor: Actor, *, cursor: str | None = None) -> Page[SheetView]:
    """List the sheets, those that were handed in last first."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    before = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else (None, None)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(_SHEETS, *before, PAGE_SIZE + 1)
        counts = await parts.counts([row["id"] for row in rows])
    found = [_view(row, counts) for row in rows]
    items = found[:PAGE_SIZE]
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].handed_in_at, items[-1].id) if more else None)


async def sheet(actor: Actor, sheet_id: UUID) -> SheetView:
    """Give a sheet, and how far it has come.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        return await one(sheet_id)


async def one(sheet_id: UUID, *, lock: bool = False) -> SheetView:
    """Give a sheet inside the caller's transaction.

    :raises NotFound: there is none.
    """
    statement = f"{_ONE} FOR NO KEY UPDATE" if lock else _ONE
    row = await db.connection().fetchrow(statement, sheet_id)
    if row is None:
        raise NotFound("There is no such sheet.")
    return _view(row, await parts.counts([sheet_id]))


def _view(row: Any, counts: dict[UUID, SheetCounts]) -> SheetView:
    """Give a sheet with its counts."""
    return msgspec.convert(
        {**row, "counts": counts.get(row["id"], SheetCounts())}, SheetView, from_attributes=True
    )


async def rows(
    actor: Actor,
    sheet_id: UUID,
    *,
    only_refused: bool = False,
    cursor: str | None = None,
    now: datetime,
) -> Page[SheetRow]:
    """List what became of a sheet's rows, a part of it at a time; the agents named are told.

    :raises NotFound: there is no such sheet.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    (after,) = decode_cursor(cursor, tuple[int]) if cursor else (-1,)
    async with db.platform_transaction(actor):
        await one(sheet_id)
        found = await parts.told(sheet_id, after, only_refused=only_refused)
        if found is None:
            return Page([])
        number, told = found
        shown = [each for each in told if not only_refused or each.result is SheetResult.REFUSED]
        agents = [each.agent_id for each in shown if each.agent_id is not None]
        await audit.record_platform_read(actor, agents, "commissions.sheet", now=now)
    return Page(shown, encode_cursor(number))


async def refused(
    actor: Actor, sheet_id: UUID, *, now: datetime
) -> tuple[list[str], AsyncIterator[Sequence[SheetRow]]]:
    """Give what a sheet's columns are called, and its refused rows, some at a time.

    :raises NotFound: there is no such sheet.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await one(sheet_id)
        header, _ = await read_by(sheet_id)

    async def blocks() -> AsyncIterator[Sequence[SheetRow]]:
        cursor: str | None = None
        while True:
            page = await rows(actor, sheet_id, only_refused=True, cursor=cursor, now=now)
            if page.next_cursor is None:
                return
            yield page.items
            cursor = page.next_cursor

    return header, blocks()
