"""Tell a device how what it holds differs from what it should hold. See `sync_protocol.digest`."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog import storage
from server.sync import feed, rules, service
from server.sync.registry import KINDS
from server.sync.service import HERE, Room
from server.sync.store import After, Row, Standing, SyncStore
from sync_protocol import digest as protocol
from sync_protocol.messages import DigestRequest, DigestResponse, PullResponse

_FIRST_ID: Final = UUID(int=0)
_ALL: Final = 2**31 - 1
_SIDE_BY_SIDE: Final = asyncio.Semaphore(2)
"""Comparisons at the same time in one process: each holds all that a device may hold."""


class Seen(msgspec.Struct, frozen=True):
    """What a comparison is made of, all of one snapshot."""

    page: PullResponse
    held: Mapping[str, Mapping[str, Row]] | None
    """The records that the device should hold, by kind and id; None when the page comes alone."""


async def compare(
    actor: Actor, request: DigestRequest, *, now: datetime, room: Room = HERE
) -> DigestResponse:
    """Compare what a device holds with what it may hold, as of the page that comes along.

    One statement a kind that is asked about, whatever the number of rows; a page that has a
    successor, or starts the device again, comes alone.
    """
    rules.ensure_device(actor)
    async with _SIDE_BY_SIDE:
        seen = await look(actor, request, now=now, room=room)
        # Off the event loop, because there may be many.
        return await asyncio.to_thread(answer, request, seen)


async def look(actor: Actor, request: DigestRequest, *, now: datetime, room: Room = HERE) -> Seen:
    """Read what a comparison needs."""
    async with room.store.snapshot(actor.tenant_id):
        stands = await service.standing(room, actor)
        page = await service.page_for(room.store, actor, request.pull, stands, now)
        if page.more or page.reset:
            return Seen(page, None)
        names = protocol.kinds_asked(request, tuple(KINDS))
        return Seen(page, {name: await _held(room.store, actor, name, stands) for name in names})


def answer(request: DigestRequest, seen: Seen) -> DigestResponse:
    """Hash every record and compare; pure."""
    if seen.held is None:
        return DigestResponse(pull=seen.page)
    hashes = {kind: _hashes_of(kind, list(rows.values())) for kind, rows in seen.held.items()}
    found = protocol.answer(request, hashes)
    return DigestResponse(
        pull=seen.page,
        branches=found.branches,
        batches=[
            feed.batch(kind, [seen.held[kind][record_id] for record_id in ids])
            for kind, ids in found.missing.items()
        ],
        strange=found.strange,
    )


async def _held(store: SyncStore, actor: Actor, kind: str, stands: Standing) -> dict[str, Row]:
    """Give the records of a kind that the actor's device should hold."""
    start = After(seq=0, record_id=_FIRST_ID, base=0, started=stands.seq)
    rows = await store.changed(actor, kind, start, _ALL)
    return {row["id"]: row for row in rows if not row["deleted"]}


def _hashes_of(kind: str, rows: Sequence[Row]) -> dict[str, int]:
    """Hash the records of one kind."""
    fields = storage.fields_of(kind)
    names = [field.name for field in fields]
    columns = [storage.read_column(field, [row[field.name] for row in rows]) for field in fields]
    values = zip(*columns, strict=True) if rows else iter(())
    return {
        row["id"]: protocol.row_hash(
            kind,
            row["id"],
            row["seq"],
            dict(zip(names, each, strict=True)) | storage.custom_fields(kind, row),
            row["handle"],
        )
        for row, each in zip(rows, values, strict=True)
    }
