"""Take sheets of sales in, and have the worker record them row by row.

Some rows are one transaction, which says what became of each: that stays, and whoever was killed,
the next job goes on behind it. A row that was recorded before, by this sheet or another one, is
found by the id that is made of its reference, and changes nothing.
"""

import asyncio
import hashlib
import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions import known as books
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.commissions.sheets import columns, parts, queries, reading, recording
from server.commissions.sheets.columns import Header
from server.commissions.sheets.rows import RowReader
from server.commissions.sheets.schemas import (
    NewSheet,
    NewSheetMap,
    SaleColumnsSaid,
    SheetAsSeen,
    SheetSeen,
    SheetState,
    SheetView,
)
from server.identity import queries as identity
from server.imports import service as imports
from server.kit import db, outbox
from server.kit.errors import Forbidden, IdReused, Invalid

TOPIC: Final = "commissions.sheet"
"""The outbox's topic: a sheet waits to be recorded."""
BUDGET_S: Final = 10.0
"""How long one job records a sheet before it leaves the rest to another."""
_AHEAD: Final = timedelta(hours=1)
"""So much may the clocks of who leaves work and of who looks for it differ."""
_KEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name=TOPIC)
_SAVE_MAP: Final = """
INSERT INTO commission_sheet_map (id, name, column_map, saved_by, saved_at)
VALUES ($1, $2, $3::jsonb, $4, $5) ON CONFLICT DO NOTHING
"""
_OPEN: Final = """
INSERT INTO commission_sheet (
    id, map_id, file_name, sha256, header, rows, are_others, handed_in_by, handed_in_at
) VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""
_END: Final = "UPDATE commission_sheet SET state = $2, finished_at = $3 WHERE id = $1"
_RECORDING: Final = "SELECT id FROM commission_sheet WHERE state = 'recording' ORDER BY id"


async def save_map(actor: Actor, new: NewSheetMap, *, now: datetime) -> NewSheetMap:
    """Save how sheets are read; it never changes.

    :raises IdReused: the id belongs to another map.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    by = msgspec.json.encode(new.column_map).decode()
    async with db.platform_transaction(actor):
        status = await db.connection().execute(_SAVE_MAP, new.id, new.name, by, actor.user_id, now)
        if await queries.saved_map(new.id) != new:
            raise IdReused("This id belongs to another column map; make a new one.", field="id")
        if status.endswith(" 1"):
            await audit.record_platform_write(
                actor, "commission_sheet_map.saved", subject_id=new.id, now=now
            )
    return new


async def preview(
    actor: Actor, content: bytes, *, said: SaleColumnsSaid | None = None, now: datetime
) -> SheetSeen:
    """Read a sheet as it was said, or as a saved map says; nothing of it is kept.

    :raises FileNotRead: with the reader's reason.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    maps = await queries.maps(actor)
    usual = [*([said.column_map] if said else []), *(each.column_map for each in maps)]
    header, pieces = await imports.sheet(actor, content, columns.vocabulary(usual))
    by = reading.meant(header, said, maps)
    directory = await queries.directory(actor)
    looked = await asyncio.to_thread(reading.looked_at, header, pieces, by, directory, now=now)
    async with db.platform_transaction(actor):
        known = await books.sales(looked.sales_named)
        refunds = await books.refunds(looked.refunds_named)
    return await asyncio.to_thread(reading.seen, looked, maps, known, refunds)


async def hand_in_as_seen(
    actor: Actor, new: SheetAsSeen, said: SaleColumnsSaid, content: bytes, *, now: datetime
) -> SheetView:
    """Take a sheet in as somebody said: by the map that reads alike, else by one that is saved.

    :raises Invalid: no map reads so, and the new one has no name.
    :raises ColumnsUnknown: and its kin, when what was said does not do.
    :raises IdReused: and what else `hand_in` raises.
    """
    by = said.column_map
    Header(said.header, by)
    saved = reading.same_as(by, await queries.maps(actor))
    if saved is None:
        if new.name is None:
            raise Invalid("Write what this way of reading is called.", field="name")
        saved = NewSheetMap(id=new.map_id, name=new.name, column_map=by)
        await save_map(actor, saved, now=now)
    sent = NewSheet(id=new.id, map_id=saved.id, file_name=new.file_name, are_others=new.are_others)
    return await hand_in(actor, sent, content, now=now)


async def hand_in(actor: Actor, sent: NewSheet, content: bytes, *, now: datetime) -> SheetView:
    """Take a sheet in by a saved map; of ignored columns nothing is kept. A worker records it.

    :raises NotFound: there is no such map.
    :raises FileNotRead: with the reader's reason.
    :raises ColumnsUnknown: and its kin, when the header does not fit the map.
    :raises IdReused: the id belongs to another sheet.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        by = (await queries.saved_map(sent.map_id)).column_map
    usual = columns.vocabulary([by])
    header, pieces = await imports.sheet(actor, content, usual, sent.encoding)
    packed, rows = await asyncio.to_thread(parts.packed, pieces, Header(header, by))
    digest = hashlib.sha256(content)
    async with db.platform_transaction(actor):
        status = await db.connection().execute(
            *(_OPEN, sent.id, sent.map_id, sent.file_name, digest.digest()),
            *(msgspec.json.encode(header).decode(), rows, sent.are_others, actor.user_id, now),
        )
        view = await queries.one(sent.id)
        held = (view.sha256, view.map_id, view.are_others)
        if held != (digest.hexdigest(), sent.map_id, sent.are_others):
            raise IdReused("This id belongs to another sheet; make a new one.", field="id")
        if status.endswith(" 1"):
            await parts.store(sent.id, packed)
            await audit.record_platform_write(
                *(actor, "commission_sheet.handed_in"),
                subject_id=sent.id,
                now=now,
                rows=rows,
                sha256=view.sha256,
            )
            await _leave_for_worker(sent.id, now)
    return view


# ---------------------------------------------------------------------------------- the worker


async def go_on(sheet_id: UUID, *, now: datetime) -> None:
    """Record a sheet for a while, and leave the rest to the next job.

    It stops for good when who handed it in may not record sales any more.
    """
    async with db.platform_transaction(_KEEPER):
        view = await queries.one(sheet_id)
        header, by = await queries.read_by(sheet_id)
    actor = await identity.job_actor(PLATFORM_TENANT, view.handed_in_by)
    if actor is None or not _may_record(actor):
        return await _end(sheet_id, SheetState.STOPPED, now)
    reader = RowReader(Header(header, by), by, await queries.directory(actor), now=now)
    began = time.monotonic()
    while await _record_some(actor, sheet_id, reader, now):
        if time.monotonic() - began > BUDGET_S:
            async with db.platform_transaction(_KEEPER):
                return await _leave_for_worker(sheet_id, now)
    return await _end(sheet_id, SheetState.RECORDED, now)


async def give_up_lost(*, now: datetime) -> None:
    """End the sheets with which no job goes on any more; what was recorded stays.

    A job that has failed too often is parked, and so is one that has ended too many workers.
    """
    async with db.platform_transaction(_KEEPER):
        recording = [row["id"] for row in await db.connection().fetch(_RECORDING)]
    for sheet_id in recording:
        async with db.job_transaction():
            about = {"sheet_id": str(sheet_id)}
            if await outbox.is_waited_for(TOPIC, before=now + _AHEAD, now=now, about=about):
                continue
        await _end(sheet_id, SheetState.STOPPED, now)


def _may_record(actor: Actor) -> bool:
    """Say whether a person may still record sales."""
    try:
        ensure(actor, Permission.COMMISSIONS_KEEP)
    except Forbidden:
        return False
    return True


async def _end(sheet_id: UUID, state: SheetState, now: datetime) -> None:
    """Note that nobody goes on with a sheet."""
    async with db.platform_transaction(_KEEPER):
        view = await queries.one(sheet_id, lock=True)
        if view.state is not SheetState.RECORDING:
            return
        await parts.empty(sheet_id)
        await db.connection().execute(_END, sheet_id, state, now)
        await audit.record_platform_write(
            _KEEPER,
            f"commission_sheet.{state}",
            subject_id=sheet_id,
            now=now,
            **msgspec.structs.asdict(view.counts),
        )


async def _leave_for_worker(sheet_id: UUID, now: datetime) -> None:
    """Leave a sheet, or what is left of it, to the worker."""
    payload, key = {"sheet_id": str(sheet_id)}, f"{TOPIC}:{sheet_id}"
    await outbox.add(TOPIC, payload, tenant_id=None, now=now, key=key)


async def _record_some(actor: Actor, sheet_id: UUID, reader: RowReader, now: datetime) -> bool:
    """Record the next part in one transaction; say whether there was one."""
    async with db.platform_transaction(actor):
        # Another worker that thinks it has the lease waits here.
        view = await queries.one(sheet_id, lock=True)
        part = await parts.upcoming(sheet_id) if view.state is SheetState.RECORDING else None
        if part is None:
            return False
        number, rows = part
        # What a plan measures says how a row is read: by the version that pays for it.
        reader = reader.by_plans(await books.plans_until_the_end())
        outcomes = await recording.record(actor, view, reader, rows, now=now)
        await parts.finish(sheet_id, number, outcomes, recording.counted(outcomes))
    return True
