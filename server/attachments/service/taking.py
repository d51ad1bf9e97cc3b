"""Attachments are announced, and their chunks are taken one by one."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.attachments import queries, rules, storage, sync
from server.attachments.place import place
from server.attachments.rules import QuotaReached, UploadFinished
from server.attachments.schemas import AttachmentView, NewAttachment
from server.attachments.storage import StorageAway
from server.changelog import service as changelog
from server.changelog.kinds import RecordKind
from server.kit import clock, db, ids, outbox
from sync_protocol.attachments import State
from sync_protocol.messages import Create

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
SELECT u.folder, u.finished_at,
    (SELECT c.sha256 FROM attachment_chunk c WHERE c.tenant_id = u.tenant_id
        AND c.attachment_id = u.attachment_id AND c.number = $3) AS held
FROM attachment_upload u WHERE u.tenant_id = $1 AND u.attachment_id = $2
"""
_TOUCH: Final = """
UPDATE attachment_upload SET touched_at = $3, emptied_at = NULL
WHERE tenant_id = $1 AND attachment_id = $2 AND finished_at IS NULL AND folder = $4 RETURNING 1
"""
_ADD_CHUNK: Final = """
INSERT INTO attachment_chunk (tenant_id, attachment_id, number, size, sha256)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1
"""
_CHANGE_CHUNK: Final = """
UPDATE attachment_chunk SET sha256 = $4
WHERE tenant_id = $1 AND attachment_id = $2 AND number = $3
"""
_RESERVE: Final = """
INSERT INTO attachment_usage (tenant_id, staged_bytes) VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET staged_bytes = attachment_usage.staged_bytes + $2
WHERE attachment_usage.stored_bytes + attachment_usage.staged_bytes + $2 <= $3
RETURNING 1
"""


async def announce(actor: Actor, new: NewAttachment, *, now: datetime) -> AttachmentView:
    """Announce a photo or file of a customer; its bytes follow.

    :raises NotFound: the customer is not there, or out of sight.
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
        await changelog.write(actor, [op], kinds=_KINDS, now=now)
        return queries.view(await queries.seen(actor, attachment_id))


async def put_chunk(
    actor: Actor, attachment_id: UUID, number: int, chunk: bytes, sha256: str, *, now: datetime
) -> None:
    """Take one chunk; the same chunk again changes nothing.

    :raises NotFound: there is no such attachment within reach.
    :raises UploadFinished: its bytes are settled.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    folder, held = await _begin(actor, attachment_id, number, chunk, sha256, now=now)
    if held == sha256:
        return
    key = chunk_key(folder, number)
    await place().storage.put(key, chunk)
    try:
        await _note(actor, attachment_id, folder, number, chunk, sha256, now=now)
    except UploadFinished:
        with suppress(StorageAway):
            await place().storage.delete([key])
        raise


def chunk_key(folder: str, number: int) -> str:
    """Give the key of a chunk of an upload."""
    return f"{folder}/{number:04}"


async def _begin(
    actor: Actor, attachment_id: UUID, number: int, chunk: bytes, sha256: str, *, now: datetime
) -> tuple[str, str | None]:
    """See that the chunk is wanted; give its folder, and the hash of what is held of it."""
    async with db.tenant_transaction(actor.tenant_id):
        row = await queries.in_reach(actor, attachment_id)
        rules.ensure_size(row["size"], place().limits)
        rules.ensure_chunk(row["size"], number, chunk, sha256)
        if row["state"] == State.REFUSED or row["object_key"] is not None:
            raise UploadFinished("The bytes of this attachment are settled; ask for its state.")
        key = (actor.tenant_id, attachment_id)
        going = await db.connection().fetchrow(_GOING, *key, number)
        if going is None:
            folder = storage.new_key(actor.tenant_id, "staged")
            await db.connection().execute(_BEGIN, *key, folder, now)
            await plan_sweep(actor.tenant_id, now)
            # Somebody else may have begun it in the same moment.
            going = await db.connection().fetchrow(_GOING, *key, number)
        return going["folder"], going["held"]


async def plan_sweep(tenant_id: UUID, now: datetime) -> None:
    """See that what is left over will be let go; one plan a company."""
    key = f"{SWEEP}:{tenant_id}"
    await outbox.add(SWEEP, {}, tenant_id=tenant_id, now=now, key=key, run_at=now + SWEEP_PAUSE)


async def _note(
    actor: Actor,
    attachment_id: UUID,
    folder: str,
    number: int,
    chunk: bytes,
    sha256: str,
    *,
    now: datetime,
) -> None:
    """Note that a chunk is here, within the company's quota."""
    key = (actor.tenant_id, attachment_id)
    async with db.tenant_transaction(actor.tenant_id):
        # Holds the upload's row: whoever completes it waits, or has finished it.
        if not await db.connection().fetchval(_TOUCH, *key, now, folder):
            raise UploadFinished("The bytes of this attachment are settled; ask for its state.")
        if await db.connection().fetchval(_ADD_CHUNK, *key, number, len(chunk), sha256):
            await _reserve(actor, len(chunk))
        else:
            await db.connection().execute(_CHANGE_CHUNK, *key, number, sha256)


async def _reserve(actor: Actor, size: int) -> None:
    """Count bytes against the company's quota.

    :raises QuotaReached: it is full.
    """
    quota = place().limits.quota
    is_there = size <= quota and await db.connection().fetchval(
        _RESERVE, actor.tenant_id, size, quota
    )
    if not is_there:
        raise QuotaReached(
            "The company's attachments fill the room that it has; delete some, or ask for more.",
            limit=quota,
        )
