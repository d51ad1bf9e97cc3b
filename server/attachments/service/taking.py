"""Attachments are announced, and their chunks are taken one by one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from billing.plans.rules.versions import Meter
from server.access import Actor, Permission, ensure
from server.attachments import queries, rules, storage, sync
from server.attachments.place import place
from server.attachments.rules import Piece, QuotaReached, UploadFinished
from server.attachments.schemas import AttachmentView, NewAttachment
from server.attachments.storage import StorageAway
from server.changelog import service as changelog
from server.changelog.kinds import RecordKind
from server.entitlements import service as entitlements
from server.kit import clock, db, ids, outbox
from sync_protocol import attachments
from sync_protocol.attachments import State
from sync_protocol.messages import Create

_SETTLED: Final = "The bytes of this attachment are settled; ask for its state."
SWEEP: Final = "attachments.sweep"
"""The topic under which what is left over is let go."""
SWEEP_PAUSE: Final = timedelta(days=1)

_KINDS: Final = {
    # The one write path looks whether the customer is there; its room is above this one.
    "customer": RecordKind(name="customer", table="customer"),
    sync.ATTACHMENT.name: sync.ATTACHMENT,
}
_BEGIN: Final = """
INSERT INTO attachment_upload (tenant_id, attachment_id, folder, touched_at)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_GOING: Final = """
SELECT u.folder FROM attachment_upload u WHERE u.tenant_id = $1 AND u.attachment_id = $2
"""
_TOUCH: Final = """
UPDATE attachment_upload SET touched_at = $3, emptied_at = NULL
WHERE tenant_id = $1 AND attachment_id = $2 AND finished_at IS NULL AND folder = $4 RETURNING 1
"""
_HELD: Final = """
SELECT size, sha256, beginning FROM attachment_chunk
WHERE tenant_id = $1 AND attachment_id = $2 AND number = $3
"""
_KEEP: Final = """
INSERT INTO attachment_chunk (tenant_id, attachment_id, number, size, sha256, beginning)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, attachment_id, number)
DO UPDATE SET size = $4, sha256 = $5, beginning = $6
"""
_RESERVE: Final = """
INSERT INTO attachment_usage (tenant_id, staged_bytes) VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET staged_bytes = attachment_usage.staged_bytes + $2
WHERE attachment_usage.stored_bytes + attachment_usage.staged_bytes + $2 <= $3
RETURNING 1
"""
# What was announced before is within the plan, however full it is by now.
_KEPT: Final = """
SELECT CASE WHEN EXISTS (SELECT FROM attachment WHERE tenant_id = $1 AND id = $2) THEN 0
    ELSE (SELECT stored_bytes + staged_bytes FROM attachment_usage WHERE tenant_id = $1)
END
"""
_GIVE_BACK: Final = """
UPDATE attachment_usage SET staged_bytes = staged_bytes + $2 WHERE tenant_id = $1
"""


async def announce(actor: Actor, new: NewAttachment, *, now: datetime) -> AttachmentView:
    """Announce a photo or file of a customer; its bytes follow.

    :raises NotFound: the customer is not there, or out of sight.
    :raises PlanLimitReached: the company's plan has no room for it.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    rules.ensure_size(new.size, place().limits)
    attachment_id = new.id or ids.new_id(now)
    given = msgspec.to_builtins(new)
    fields = {name: value for name, value in given.items() if name != "id" and value is not None}
    fields["subject_id"] = str(new.subject_id or new.customer_id)
    if new.taken_at is not None:
        fields["taken_at"] = clock.to_ms(new.taken_at)
    op = Create(
        number=1,
        kind="attachment",
        id=str(attachment_id),
        fields=fields,
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    async with db.tenant_transaction(actor.tenant_id):
        await _ensure_room(actor, attachment_id, new.size, now=now)
        await changelog.write(actor, [op], kinds=_KINDS, now=now)
        return queries.view(await queries.seen(actor, attachment_id))


async def _ensure_room(actor: Actor, attachment_id: UUID, size: int, *, now: datetime) -> None:
    """Refuse what the company's plan has no room for; what a device announces offline is kept."""

    async def kept() -> int:
        return int(await db.connection().fetchval(_KEPT, actor.tenant_id, attachment_id) or 0)

    await entitlements.ensure_within(
        actor.tenant_id, Meter.STORAGE_BYTES, kept, asked=size, now=now
    )


async def put_chunk(actor: Actor, attachment_id: UUID, piece: Piece, *, now: datetime) -> None:
    """Take a chunk, or the next part of one; the same again changes nothing.

    :raises NotFound: there is no such attachment within reach.
    :raises UploadFinished: its bytes are settled.
    :raises ChunkOffset: the part does not go on where the one before ended.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    folder, length, is_held = await _begin(actor, attachment_id, piece, now=now)
    if is_held:
        return
    chunk: bytes | None = piece.content
    if len(piece.content) < length:
        chunk = await _gather(actor, attachment_id, folder, piece, length, now=now)
    if chunk is None:
        return
    key = chunk_key(folder, piece.number)
    await place().storage.put(key, chunk)
    try:
        async with _going(actor, attachment_id, folder, now):
            await _keep(actor, attachment_id, piece, length, None)
    except UploadFinished:
        with suppress(StorageAway):
            await place().storage.delete([key])
        raise


def chunk_key(folder: str, number: int) -> str:
    """Give the key of a chunk of an upload."""
    return f"{folder}/{number:04}"


async def _begin(
    actor: Actor, attachment_id: UUID, piece: Piece, *, now: datetime
) -> tuple[str, int, bool]:
    """See that a chunk is wanted; give its folder, its length, and whether it is here already."""
    key = (actor.tenant_id, attachment_id)
    async with db.tenant_transaction(actor.tenant_id):
        row = await queries.in_reach(actor, attachment_id)
        rules.ensure_size(row["size"], place().limits)
        length = rules.ensure_piece(row["size"], piece)
        if row["state"] == State.REFUSED or row["object_key"] is not None:
            raise UploadFinished(_SETTLED)
        folder = await db.connection().fetchval(_GOING, *key)
        if folder is None:
            folder = storage.new_key(actor.tenant_id, "staged")
            await db.connection().execute(_BEGIN, *key, folder, now)
            await plan_sweep(actor.tenant_id, now)
            # Somebody else may have begun it in the same moment.
            folder = await db.connection().fetchval(_GOING, *key)
        held = await _held(actor, attachment_id, piece.number)
    is_held = bool(held and held["beginning"] is None and held["sha256"] == piece.sha256)
    return folder, length, is_held


async def plan_sweep(tenant_id: UUID, now: datetime) -> None:
    """See that what is left over will be let go; one plan a company."""
    key = f"{SWEEP}:{tenant_id}"
    await outbox.add(SWEEP, {}, tenant_id=tenant_id, now=now, key=key, run_at=now + SWEEP_PAUSE)


@asynccontextmanager
async def _going(
    actor: Actor, attachment_id: UUID, folder: str, now: datetime
) -> AsyncIterator[None]:
    """Hold an upload that is going on: whoever completes it waits, or has finished it.

    :raises UploadFinished: somebody has.
    """
    async with db.tenant_transaction(actor.tenant_id):
        key = (actor.tenant_id, attachment_id)
        if not await db.connection().fetchval(_TOUCH, *key, now, folder):
            raise UploadFinished(_SETTLED)
        yield


async def _gather(
    actor: Actor, attachment_id: UUID, folder: str, piece: Piece, length: int, *, now: datetime
) -> bytes | None:
    """Keep a part of a chunk behind those before it; give the chunk when it is whole.

    :raises ChunkDiffers: it is whole, and not what its hash names; it begins anew.
    """
    async with _going(actor, attachment_id, folder, now):
        held = await _held(actor, attachment_id, piece.number)
        is_same = held is not None and held["sha256"] == piece.sha256
        beginning = bytes(held["beginning"] or b"") if held is not None and is_same else b""
        chunk = rules.joined(beginning, piece)
        is_sound = len(chunk) < length or attachments.chunk_hash(chunk) == piece.sha256
        if len(chunk) < length or not is_sound:
            kept = chunk if is_sound else b""
            await _keep(actor, attachment_id, piece, len(kept), kept)
    if not is_sound:
        rules.ensure_whole(chunk, piece.sha256)
    return chunk if len(chunk) == length else None


async def _held(actor: Actor, attachment_id: UUID, number: int) -> asyncpg.Record | None:
    """Read what is here of a chunk."""
    return await db.connection().fetchrow(_HELD, actor.tenant_id, attachment_id, number)


async def _keep(
    actor: Actor, attachment_id: UUID, piece: Piece, size: int, beginning: bytes | None
) -> None:
    """Note how much of a chunk is here, within the company's quota."""
    held = await _held(actor, attachment_id, piece.number)
    await _reserve(actor, size - (held["size"] if held else 0))
    key = (actor.tenant_id, attachment_id, piece.number)
    await db.connection().execute(_KEEP, *key, size, piece.sha256, beginning)


async def _reserve(actor: Actor, size: int) -> None:
    """Count bytes, or fewer than before, against the company's quota.

    :raises QuotaReached: it is full.
    """
    quota = place().limits.quota
    if size <= 0:
        await db.connection().execute(_GIVE_BACK, actor.tenant_id, size)
        return
    is_there = size <= quota and await db.connection().fetchval(
        _RESERVE, actor.tenant_id, size, quota
    )
    if not is_there:
        raise QuotaReached(
            "The company's attachments fill the room that it has; delete some, or ask for more.",
            limit=quota,
        )
