"""Ask about attachments; what an actor may see is what it sees of their customers."""

from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.attachments.schemas import AttachmentStatus, AttachmentView, StoredContent
from server.changelog import storage as changelog
from server.kit import db
from server.kit.errors import NotFound
from sync_protocol.attachments import State, Upload, UploadState, missing_ranges

_ROWS: Final = """
SELECT a.id, a.customer_id, a.subject_kind, a.subject_id, a.name, a.media_type, a.size, a.sha256,
    a.state, a.taken_at, a.created_by, c.owner_id, c.team_id, c.deleted AS is_orphaned,
    b.stored_type, b.stored_size, b.stored_sha256, b.width AS stored_width,
    b.height AS stored_height, b.object_key, b.thumbnail IS NOT NULL AS has_thumbnail
FROM attachment a
JOIN customer c ON c.tenant_id = a.tenant_id AND c.id = a.customer_id
LEFT JOIN attachment_blob b
    ON b.tenant_id = a.tenant_id AND b.sha256 = a.sha256 AND a.state = 'stored'
WHERE a.tenant_id = $1 AND NOT a.deleted
"""
_ONE: Final = f"{_ROWS} AND a.id = $2"
_CUSTOMER: Final = """
SELECT owner_id, team_id, deleted AS is_orphaned FROM customer WHERE tenant_id = $1 AND id = $2
"""
_OF_CUSTOMER: Final = f"{_ROWS} AND a.customer_id = $2 ORDER BY a.created_at, a.id LIMIT 500"
_UPLOAD: Final = """
SELECT u.folder, u.finished_at, u.refused_code, u.refused_detail, u.leased_until,
    ARRAY(SELECT c.number FROM attachment_chunk c
          WHERE c.tenant_id = u.tenant_id AND c.attachment_id = u.attachment_id
              AND c.beginning IS NULL) AS present,
    ARRAY(SELECT ARRAY[c.number, c.size] FROM attachment_chunk c
          WHERE c.tenant_id = u.tenant_id AND c.attachment_id = u.attachment_id
              AND c.beginning IS NOT NULL ORDER BY c.number) AS partial
FROM attachment_upload u WHERE u.tenant_id = $1 AND u.attachment_id = $2
"""
_THUMBNAIL: Final = "SELECT thumbnail FROM attachment_blob WHERE tenant_id = $1 AND sha256 = $2"


async def status(actor: Actor, attachment_id: UUID) -> AttachmentStatus:
    """Tell of one attachment, and what the server waits for.

    :raises NotFound: there is none, or it is out of sight, or another company's.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await seen(actor, attachment_id)
        upload = await upload_of(actor, row)
    return AttachmentStatus(attachment=view(row), upload=upload)


async def of_customer(actor: Actor, customer_id: UUID) -> list[AttachmentView]:
    """List a customer's attachments, the oldest first.

    :raises NotFound: the customer is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        customer = await db.connection().fetchrow(_CUSTOMER, actor.tenant_id, customer_id)
        if customer is None or not _is_seen(actor, customer):
            raise NotFound
        rows = await db.connection().fetch(_OF_CUSTOMER, actor.tenant_id, customer_id)
    return [view(row) for row in rows]


async def thumbnail(actor: Actor, attachment_id: UUID) -> bytes:
    """Give the small picture of an attachment.

    :raises NotFound: it has none, or there is no such attachment within sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await seen(actor, attachment_id)
        small: bytes | None = None
        if row["has_thumbnail"]:
            small = await db.connection().fetchval(_THUMBNAIL, actor.tenant_id, row["sha256"])
    if small is None:
        raise NotFound
    return small


async def seen(actor: Actor, attachment_id: UUID) -> asyncpg.Record:
    """Read an attachment whose customer the actor sees, in the open transaction.

    :raises NotFound: there is none within sight.
    """
    row = await db.connection().fetchrow(_ONE, actor.tenant_id, attachment_id)
    if row is None or not _is_seen(actor, row):
        raise NotFound
    return row


async def in_reach(actor: Actor, attachment_id: UUID) -> asyncpg.Record:
    """Read an attachment whose bytes the actor may send: one within sight, or one of its own.

    Whoever announced a photo may finish sending it when the customer has been handed over since:
    what was seen in the field is not lost, and nothing is shown.

    :raises NotFound: there is none.
    """
    row = await db.connection().fetchrow(_ONE, actor.tenant_id, attachment_id)
    if row is None or not (row["created_by"] == actor.user_id or _is_seen(actor, row)):
        raise NotFound
    return row


def _is_seen(actor: Actor, row: asyncpg.Record) -> bool:
    """Say whether the customer of an attachment is within sight."""
    if row["is_orphaned"]:
        return False
    return changelog.is_visible(actor, row["owner_id"], row["team_id"])


async def upload_of(actor: Actor, row: asyncpg.Record) -> Upload:
    """Tell how far the bytes of an attachment are, in the open transaction."""
    going = await db.connection().fetchrow(_UPLOAD, actor.tenant_id, row["id"])
    if row["object_key"] is not None:
        return Upload(state=UploadState.STORED)
    if row["state"] == State.REFUSED:
        code, detail = (going["refused_code"], going["refused_detail"]) if going else (None, None)
        return Upload(state=UploadState.REFUSED, code=code, detail=detail)
    missing = missing_ranges(row["size"], going["present"] if going else ())
    partial = [(number, size) for number, size in going["partial"]] if going else []
    return Upload(state=UploadState.EXPECTED, missing=missing, partial=partial)


def view(row: asyncpg.Record) -> AttachmentView:
    """Turn a row into a view."""
    fields: dict[str, Any] = {
        name: row[name] for name in AttachmentView.__struct_fields__ if name != "content"
    }
    return msgspec.convert({**fields, "content": _content(row)}, AttachmentView)


def _content(row: asyncpg.Record) -> dict[str, Any] | None:
    """Give what is handed out, if anything is."""
    if row["object_key"] is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(
        StoredContent(
            media_type=row["stored_type"],
            size=row["stored_size"],
            sha256=row["stored_sha256"],
            has_thumbnail=row["has_thumbnail"],
            width=row["stored_width"],
            height=row["stored_height"],
        )
    )
    return shown
