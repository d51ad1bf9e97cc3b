"""Let go of chunks and objects: first the bytes, then the line that says they may be there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.attachments.place import place
from server.attachments.service.taking import chunk_key
from server.kit import db
from sync_protocol.attachments import chunk_count

_FORGET_CHUNKS: Final = """
WITH gone AS (
    DELETE FROM attachment_chunk WHERE tenant_id = $1 AND attachment_id = $2 RETURNING size
)
UPDATE attachment_usage SET staged_bytes = staged_bytes - (SELECT coalesce(sum(size), 0) FROM gone)
WHERE tenant_id = $1
"""
_EMPTIED: Final = """
UPDATE attachment_upload SET emptied_at = $3 WHERE tenant_id = $1 AND attachment_id = $2
"""
_FORGET_OBJECTS: Final = """
DELETE FROM attachment_object WHERE tenant_id = $1 AND object_key = ANY($2::text[])
"""


async def let_chunks_go(
    tenant_id: UUID, attachment_id: UUID, folder: str, size: int, *, now: datetime
) -> None:
    """Let go of whatever lies in the folder of an upload, noted or not."""
    keys = [chunk_key(folder, number) for number in range(chunk_count(size))]
    await place().storage.delete(keys)
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_EMPTIED, tenant_id, attachment_id, now)
        await db.connection().execute(_FORGET_CHUNKS, tenant_id, attachment_id)


async def let_objects_go(tenant_id: UUID, keys: Sequence[str]) -> None:
    """Let go of objects that belong to no content."""
    await place().storage.delete(keys)
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_FORGET_OBJECTS, tenant_id, list(keys))
