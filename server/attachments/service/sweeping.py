"""What nobody needs any more is let go, a company at a time."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from server.attachments import rules
from server.attachments.service.leftovers import let_chunks_go, let_objects_go
from server.attachments.service.taking import plan_sweep
from server.attachments.storage import StorageAway
from server.kit import db

log = structlog.get_logger()

_AT_ONCE: Final = 200
_STALE_UPLOADS: Final = """
SELECT u.attachment_id, u.folder, a.size FROM attachment_upload u
JOIN attachment a ON a.tenant_id = u.tenant_id AND a.id = u.attachment_id
WHERE u.tenant_id = $1 AND (u.finished_at IS NOT NULL OR u.touched_at < $2)
    AND (u.leased_until IS NULL OR u.leased_until < $3) AND u.emptied_at IS NULL
ORDER BY u.attachment_id LIMIT $4
"""
_IS_NEEDED: Final = """EXISTS (
    SELECT FROM attachment a WHERE a.tenant_id = b.tenant_id AND a.sha256 = b.sha256
        AND a.state = 'stored' AND NOT a.deleted
)"""
_MARK: Final = f"""
UPDATE attachment_blob b SET unreferenced_at = $2
WHERE b.tenant_id = $1 AND b.unreferenced_at IS NULL AND NOT {_IS_NEEDED}
"""  # noqa: S608 - constants
_UNMARK: Final = f"""
UPDATE attachment_blob b SET unreferenced_at = NULL
WHERE b.tenant_id = $1 AND b.unreferenced_at IS NOT NULL AND {_IS_NEEDED}
"""  # noqa: S608 - constants
_LOCK_FORGOTTEN: Final = """
SELECT sha256 FROM attachment_blob WHERE tenant_id = $1 AND unreferenced_at < $2
ORDER BY sha256 LIMIT $3 FOR UPDATE
"""
_FORGET: Final = f"""
WITH gone AS (
    DELETE FROM attachment_blob b WHERE b.tenant_id = $1 AND b.sha256 = ANY($2::text[])
        AND NOT {_IS_NEEDED}
    RETURNING stored_size
)
UPDATE attachment_usage
SET stored_bytes = stored_bytes - (SELECT coalesce(sum(stored_size), 0) FROM gone)
WHERE tenant_id = $1 RETURNING (SELECT count(*) FROM gone) AS count
"""  # noqa: S608 - constants
_STRAY: Final = """
SELECT o.object_key FROM attachment_object o
WHERE o.tenant_id = $1 AND o.put_at < $2 AND NOT EXISTS (
    SELECT FROM attachment_blob b
    WHERE b.tenant_id = o.tenant_id AND b.object_key = o.object_key)
ORDER BY o.object_key LIMIT $3
"""
_HAS_MORE: Final = """
SELECT EXISTS (SELECT FROM attachment_upload WHERE tenant_id = $1 AND emptied_at IS NULL)
    OR EXISTS (SELECT FROM attachment_object WHERE tenant_id = $1)
"""


class Swept(msgspec.Struct, frozen=True):
    """How much was let go."""

    uploads: int
    blobs: int
    objects: int


async def sweep(tenant_id: UUID, *, now: datetime) -> Swept:
    """Let go of abandoned chunks, of contents without an attachment, and of stray objects.

    Plans the next sweep while the company has anything; what cannot be let go now is then.
    """
    uploads = blobs = objects = 0
    try:
        uploads = await _sweep_uploads(tenant_id, now)
        blobs = await _sweep_blobs(tenant_id, now)
        objects = await _sweep_objects(tenant_id, now)
    except StorageAway as error:
        log.warning("attachments.sweep-cut", exc_info=error)
    async with db.tenant_transaction(tenant_id):
        if await db.connection().fetchval(_HAS_MORE, tenant_id):
            await plan_sweep(tenant_id, now)
    return Swept(uploads, blobs, objects)


async def _sweep_uploads(tenant_id: UUID, now: datetime) -> int:
    """Let go of chunks that nobody goes on with, or that became a content."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        stale = await db.connection().fetch(
            _STALE_UPLOADS, tenant_id, now - rules.ABANDONED_AFTER, now, _AT_ONCE
        )
    for row in stale:
        await let_chunks_go(tenant_id, row["attachment_id"], row["folder"], row["size"], now=now)
    return len(stale)


async def _sweep_blobs(tenant_id: UUID, now: datetime) -> int:
    """Forget contents that no attachment has had for long; their objects are stray from then on."""
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_MARK, tenant_id, now)
        await db.connection().execute(_UNMARK, tenant_id)
    async with db.tenant_transaction(tenant_id):
        # Who links an attachment to a content holds the content's row: one of both sees the other.
        forgotten = await db.connection().fetch(
            _LOCK_FORGOTTEN, tenant_id, now - rules.KEPT_UNREFERENCED, _AT_ONCE
        )
        if not forgotten:
            return 0
        count = await db.connection().fetchval(
            _FORGET, tenant_id, [row["sha256"] for row in forgotten]
        )
    return int(count)


async def _sweep_objects(tenant_id: UUID, now: datetime) -> int:
    """Let go of objects that belong to no content."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        rows = await db.connection().fetch(_STRAY, tenant_id, now - rules.STRAY_AFTER, _AT_ONCE)
    if rows:
        await let_objects_go(tenant_id, [row["object_key"] for row in rows])
    return len(rows)
