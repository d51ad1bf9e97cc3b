"""The chunks of an attachment become its content: put together, verified whole, written anew."""

import asyncio
import hashlib
import hmac
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.access import Actor, Permission, ensure
from server.attachments import queries, rules, storage, sync
from server.attachments.place import place
from server.attachments.rewriting import sandbox
from server.attachments.rewriting.answers import Refused, Rewritten
from server.attachments.rules import ChunksMissing, ContentDiffers
from server.attachments.service.leftovers import let_chunks_go, let_objects_go
from server.attachments.service.taking import chunk_key
from server.attachments.storage import ObjectMissing, StorageAway
from server.changelog import facts
from server.kit import db
from sync_protocol.attachments import (
    Completion,
    Hasher,
    Identity,
    State,
    Upload,
    UploadState,
    chunk_count,
    missing_ranges,
)

log = structlog.get_logger()

_SIDE_BY_SIDE: Final = asyncio.Semaphore(2)
"""Files that one process has rewritten at the same time: each takes a core and some memory."""
_KINDS: Final = {sync.ATTACHMENT.name: sync.ATTACHMENT}
_BLOB: Final = """
SELECT possession, object_key FROM attachment_blob WHERE tenant_id = $1 AND sha256 = $2 FOR UPDATE
"""
_CLAIM: Final = """
UPDATE attachment_upload SET lease = lease + 1, leased_until = $3::timestamptz + $4::interval
WHERE tenant_id = $1 AND attachment_id = $2 AND finished_at IS NULL
    AND (leased_until IS NULL OR leased_until < $3)
RETURNING folder, lease
"""
_RELEASE: Final = """
UPDATE attachment_upload SET leased_until = NULL
WHERE tenant_id = $1 AND attachment_id = $2 AND lease = $3
"""
_RENEW: Final = """
UPDATE attachment_upload SET leased_until = $4::timestamptz + $5::interval
WHERE tenant_id = $1 AND attachment_id = $2 AND lease = $3 AND finished_at IS NULL
"""
_HOLD: Final = """
SELECT lease FROM attachment_upload WHERE tenant_id = $1 AND attachment_id = $2 FOR UPDATE
"""
_FINISH: Final = """
UPDATE attachment_upload
SET finished_at = $3, leased_until = NULL, refused_code = $4, refused_detail = $5
WHERE tenant_id = $1 AND attachment_id = $2
"""
_FINISH_UNSENT: Final = """
INSERT INTO attachment_upload (tenant_id, attachment_id, folder, touched_at, finished_at)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (tenant_id, attachment_id) DO UPDATE SET finished_at = $4
"""
_ANNOUNCE_OBJECT: Final = """
INSERT INTO attachment_object (tenant_id, object_key, put_at) VALUES ($1, $2, $3)
"""
_STORE: Final = """
INSERT INTO attachment_blob (tenant_id, sha256, size, possession, stored_sha256, stored_size,
    stored_type, width, height, thumbnail, object_key, stored_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING RETURNING 1
"""
_COUNT: Final = """
UPDATE attachment_usage SET stored_bytes = stored_bytes + $2 WHERE tenant_id = $1
"""
_FORGET_CHUNK: Final = """
WITH gone AS (
    DELETE FROM attachment_chunk WHERE tenant_id = $1 AND attachment_id = $2 AND number = $3
    RETURNING size
)
UPDATE attachment_usage SET staged_bytes = staged_bytes - (SELECT coalesce(sum(size), 0) FROM gone)
WHERE tenant_id = $1
"""


class Claimed(msgspec.Struct, frozen=True):
    """An upload that this call looks at, and nobody else for a while."""

    tenant_id: UUID
    attachment_id: UUID
    media_type: str
    sha256: str
    size: int
    folder: str
    lease: int
    object_key: str | None
    """Where the content will lie; None when the company has it already."""


class Written(msgspec.Struct, frozen=True):
    """A content that was verified and written anew."""

    identity: Identity
    rewritten: Rewritten
    sha256: str
    size: int


class Known(msgspec.Struct, frozen=True):
    """A content that was verified, and that the company has already."""


Verified = Written | Known | Refused


async def complete(
    actor: Actor, attachment_id: UUID, completion: Completion, *, now: datetime
) -> Upload:
    """Say that all chunks were sent, or prove to have what the company has; again is harmless.

    :raises ChunksMissing: naming them.
    :raises ContentDiffers: the chunks are not the bytes that the record names.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    begun = await _begin(actor, attachment_id, completion, now)
    if isinstance(begun, Upload):
        return begun
    async with _held(begun, now):
        verified = await _verify(begun, now)
    return await _settle(actor, begun, verified, now)


async def _begin(
    actor: Actor, attachment_id: UUID, completion: Completion, now: datetime
) -> Claimed | Upload:
    """See what there is to do, and take it on; or tell that there is nothing."""
    async with db.tenant_transaction(actor.tenant_id):
        row = await queries.in_reach(actor, attachment_id)
        # Rows are held in one order: the upload, the content, the record, the clock.
        await db.connection().execute(_HOLD, actor.tenant_id, attachment_id)
        upload = await queries.upload_of(actor, row)
        if upload.state in {UploadState.STORED, UploadState.REFUSED}:
            return upload
        rules.ensure_size(row["size"], place().limits)
        blob = await db.connection().fetchrow(_BLOB, actor.tenant_id, row["sha256"])
        if blob and hmac.compare_digest(blob["possession"], completion.proof or ""):
            return await _link(actor, attachment_id, now)
        if upload.missing:
            raise ChunksMissing(
                "Send the chunks that are missing first.",
                field="missing",
                missing=[list(each) for each in upload.missing],
                partial=[list(each) for each in upload.partial],
            )
        claim = await db.connection().fetchrow(
            _CLAIM, actor.tenant_id, attachment_id, now, rules.LEASE
        )
        if claim is None:
            return Upload(state=UploadState.VERIFYING)
        return await _claimed(actor, row, claim, is_known=blob is not None, now=now)


async def _link(actor: Actor, attachment_id: UUID, now: datetime) -> Upload:
    """Give an attachment the content that the company has: its sender has proven to hold it."""
    folder = storage.new_key(actor.tenant_id, "staged")
    await db.connection().execute(_FINISH_UNSENT, actor.tenant_id, attachment_id, folder, now)
    await _tell(actor, attachment_id, State.STORED, now)
    return Upload(state=UploadState.STORED)


async def _tell(actor: Actor, attachment_id: UUID, state: State, now: datetime) -> None:
    """Let every device hear what became of the bytes."""
    key = (sync.ATTACHMENT.name, str(attachment_id))
    await facts.note(actor, {key: {"state": str(state)}}, kinds=_KINDS, now=now)


async def _claimed(
    actor: Actor, row: asyncpg.Record, claim: asyncpg.Record, *, is_known: bool, now: datetime
) -> Claimed:
    """Write down what is taken on, and the object that it may leave."""
    key = None if is_known else storage.new_key(actor.tenant_id, "stored")
    if key is not None:
        await db.connection().execute(_ANNOUNCE_OBJECT, actor.tenant_id, key, now)
    return Claimed(
        tenant_id=actor.tenant_id,
        attachment_id=row["id"],
        media_type=row["media_type"],
        sha256=row["sha256"],
        size=row["size"],
        folder=claim["folder"],
        lease=claim["lease"],
        object_key=key,
    )


@asynccontextmanager
async def _held(claimed: Claimed, now: datetime) -> AsyncIterator[None]:
    """Hold the lease for as long as this process lives; let the next begin at once on failure."""
    holding = asyncio.create_task(_hold_on(claimed, now))
    try:
        yield
    except BaseException:
        with suppress(*db.PASSING):
            async with db.tenant_transaction(claimed.tenant_id):
                await db.connection().execute(
                    _RELEASE, claimed.tenant_id, claimed.attachment_id, claimed.lease
                )
        raise
    finally:
        holding.cancel()
        await asyncio.wait([holding])


async def _hold_on(claimed: Claimed, now: datetime) -> None:
    """Give signs of life; a database that is away for a moment is told the next time."""
    began = asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(rules.SIGN_OF_LIFE_S)
        passed = timedelta(seconds=asyncio.get_running_loop().time() - began)
        with suppress(*db.PASSING):
            await _renew(claimed, now + passed)


async def _renew(claimed: Claimed, now: datetime) -> None:
    """Begin the lease anew, unless somebody else has it by now."""
    key = (claimed.tenant_id, claimed.attachment_id, claimed.lease)
    async with db.tenant_transaction(claimed.tenant_id):
        await db.connection().execute(_RENEW, *key, now, rules.LEASE)


async def _verify(claimed: Claimed, now: datetime) -> Verified:
    """Put the chunks together, compare them with the name, and have them written anew."""
    with tempfile.TemporaryDirectory(prefix="tonglu-attachment-") as folder:
        whole, anew = Path(folder, "whole"), Path(folder, "anew")
        identity = await _compose(claimed, whole)
        if (identity.sha256, identity.size) != (claimed.sha256, claimed.size):
            await let_chunks_go(
                claimed.tenant_id, claimed.attachment_id, claimed.folder, claimed.size, now=now
            )
            raise ContentDiffers("These are not the bytes that were announced; send them again.")
        if claimed.object_key is None:
            return Known()
        async with _SIDE_BY_SIDE:
            rewritten = await sandbox.rewrite(
                whole, claimed.media_type, pixels_max=place().limits.pixels, target=anew
            )
        if isinstance(rewritten, Refused):
            return rewritten
        sha256, size = await asyncio.to_thread(_measure, anew)
        await place().storage.put(claimed.object_key, anew)
        return Written(identity, rewritten, sha256, size)


async def _compose(claimed: Claimed, whole: Path) -> Identity:
    """Write the chunks one after the other into a file; in memory is one of them."""
    hasher = Hasher()
    with whole.open("wb") as file:
        for number in range(chunk_count(claimed.size)):
            try:
                async for piece in place().storage.read(chunk_key(claimed.folder, number)):
                    hasher.update(piece)
                    file.write(piece)
            except ObjectMissing as error:
                await _forget_chunk(claimed, number)
                missing = missing_ranges(
                    claimed.size, set(range(chunk_count(claimed.size))) - {number}
                )
                raise ChunksMissing(
                    "A chunk was lost here; send it again.",
                    field="missing",
                    missing=[list(each) for each in missing],
                ) from error
    return hasher.identity()


async def _forget_chunk(claimed: Claimed, number: int) -> None:
    """Expect a chunk again whose bytes are gone."""
    async with db.tenant_transaction(claimed.tenant_id):
        await db.connection().execute(
            _FORGET_CHUNK, claimed.tenant_id, claimed.attachment_id, number
        )


def _measure(file: Path) -> tuple[str, int]:
    """Give the hash and the size of a file."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256")
    return digest.hexdigest(), file.stat().st_size


async def _settle(actor: Actor, claimed: Claimed, verified: Verified, now: datetime) -> Upload:
    """Keep what was found out, unless somebody else has taken over meanwhile."""
    key = (claimed.tenant_id, claimed.attachment_id)
    is_kept = False
    async with db.tenant_transaction(claimed.tenant_id):
        lease = await db.connection().fetchval(_HOLD, *key)
        if lease != claimed.lease:
            upload = Upload(state=UploadState.VERIFYING)
        elif isinstance(verified, Refused):
            await db.connection().execute(_FINISH, *key, now, verified.code, verified.detail)
            await _tell(actor, claimed.attachment_id, State.REFUSED, now)
            upload = Upload(state=UploadState.REFUSED, code=verified.code, detail=verified.detail)
        else:
            is_kept = await _keep(claimed, verified, now)
            await db.connection().execute(_FINISH, *key, now, None, None)
            await _tell(actor, claimed.attachment_id, State.STORED, now)
            upload = Upload(state=UploadState.STORED)
    await _tidy(claimed, is_kept=is_kept, is_finished=lease == claimed.lease, now=now)
    return upload


async def _keep(claimed: Claimed, verified: Written | Known, now: datetime) -> bool:
    """Keep a content once for the company; say whether the object of this call is it.

    :raises StorageAway: the content that was known has been let go in this very moment.
    """
    if isinstance(verified, Known):
        if not await db.connection().fetchrow(_BLOB, claimed.tenant_id, claimed.sha256):
            raise StorageAway("The content was let go just now; complete it again.")
        return False
    is_new = await db.connection().fetchval(
        _STORE,
        claimed.tenant_id,
        verified.identity.sha256,
        verified.identity.size,
        verified.identity.possession,
        verified.sha256,
        verified.size,
        verified.rewritten.media_type,
        verified.rewritten.width,
        verified.rewritten.height,
        verified.rewritten.thumbnail,
        claimed.object_key,
        now,
    )
    if is_new:
        await db.connection().execute(_COUNT, claimed.tenant_id, verified.size)
    return bool(is_new)


async def _tidy(claimed: Claimed, *, is_kept: bool, is_finished: bool, now: datetime) -> None:
    """Let go of what is not needed any more; what fails now is swept up later."""
    try:
        if claimed.object_key is not None and not is_kept:
            await let_objects_go(claimed.tenant_id, [claimed.object_key])
        if is_finished:
            await let_chunks_go(
                claimed.tenant_id, claimed.attachment_id, claimed.folder, claimed.size, now=now
            )
    except (StorageAway, *db.PASSING) as error:
        log.warning("attachment.left-over", exc_info=error)
