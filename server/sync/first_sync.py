"""Give a device its pages in the compact form, those of a first sync as they were told before.

The same pages come out of `server.sync.service.pull`, row by row; see `server.sync.segments` for
why a run may take some from here and some from there.
"""

from datetime import datetime

import msgspec
import structlog

from server.access import Actor
from server.kit import clock, db
from server.sync import cursors, rules, segments, service
from server.sync.segments import Segment, Segments
from server.sync.service import HERE, Room
from server.sync.store import Standing
from sync_protocol.cursor import Cursor
from sync_protocol.messages import PullRequest, PullResponse

log = structlog.get_logger()


class Packed(msgspec.Struct, frozen=True):
    """A page whose batches are encoded and compressed already."""

    page: PullResponse
    """Without them."""
    frame: bytes


async def pull(
    actor: Actor, request: PullRequest, *, now: datetime, room: Room = HERE
) -> PullResponse | Packed:
    """Do as `service.pull`; a whole page of a snapshot that others see as well comes packed."""
    kept = room.segments
    if kept is None or request.limit < kept.page or segments.sight_of(actor) is None:
        return await service.pull(actor, request, now=now, room=room)
    rules.ensure_device(actor)
    stands, told = await _told(room, kept, actor, request, now)
    page = told.page if isinstance(told, Packed) else told
    await service.note_pull(room, actor, page, stands, now)
    return told


async def _told(
    room: Room, kept: Segments, actor: Actor, request: PullRequest, now: datetime
) -> tuple[Standing, PullResponse | Packed]:
    """Read a page, or find it packed, or pack it where others will ask for it too."""
    async with room.store.snapshot(actor.tenant_id):
        stands = await service.standing(room, actor)
        start = _snapshot_from(actor, request, stands)
        found = None if start is None else await kept.find(actor, start, stands, now)
        if start is not None and found is not None:
            return stands, _packed(actor, request, start, found, stands, now)
        page = await service.page_for(room.store, actor, request, stands, now)
        if start is not None and _is_full(page, request, kept):
            is_shared = await kept.is_shared(actor, start)
        else:
            is_shared = False
    if start is not None and is_shared:
        made = _segment_of(actor, page, stands)
        await _keep(kept, actor, start, made, now)
        return stands, Packed(msgspec.structs.replace(page, batches=[]), made.frame)
    return stands, page


def _snapshot_from(actor: Actor, request: PullRequest, stands: Standing) -> Cursor | None:
    """Give the place from which a snapshot is asked for; none where something else is."""
    start = cursors.read(actor, request.cursor, stands)
    return start if start is not None and start.base == 0 and stands.seq > 0 else None


def _is_full(page: PullResponse, request: PullRequest, kept: Segments) -> bool:
    """Say whether a page is whole records alone, as many as a segment has."""
    return page.more and not page.patches and request.limit == kept.page


def _segment_of(actor: Actor, page: PullResponse, stands: Standing) -> Segment:
    """Pack the batches of a page, with the place at which it ends."""
    end = cursors.read(actor, page.cursor, stands)
    assert end is not None, "it was written just now"
    assert end.after_id is not None, "a page that has a successor ends at a row"
    frame = segments.frame_of(page.batches)
    return Segment(end.started, end.seq, end.kind_index, end.after_id, frame)


async def _keep(kept: Segments, actor: Actor, start: Cursor, made: Segment, now: datetime) -> None:
    """Keep a segment; that it could not be kept takes nothing from the page."""
    try:
        await kept.keep(actor, start, made, now)
    except db.PASSING as error:
        log.warning("segment.not-kept", exc_info=error)


def _packed(
    actor: Actor,
    request: PullRequest,
    start: Cursor,
    found: Segment,
    stands: Standing,
    now: datetime,
) -> Packed:
    """Put what is told to this device alone before a segment."""
    page = PullResponse(
        from_cursor=request.cursor,
        cursor=cursors.write(actor, found.end(start)),
        seq=stands.seq,
        epoch=stands.epoch,
        server_time_ms=clock.to_ms(now),
        more=True,
        acknowledged=stands.last_op,
        lease_ms=stands.lease_ms,
    )
    return Packed(page, found.frame)
