"""Read the trail."""

from typing import Final, TypeVar
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit.schemas import AuditEntryView, PlatformReadView
from server.kit import db
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

T = TypeVar("T")

_LAST_ID: Final = UUID(int=2**128 - 1)

_READS: Final = """
SELECT id, at, actor_name, actor_role, what, detail FROM platform_read
WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_ENTRIES: Final = """
SELECT id, at, actor_id, actor_role, action, subject_id, detail FROM audit_entry
WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""


async def platform_reads(
    actor: Actor, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[PlatformReadView]:
    """List what the platform looked at, newest first; the agent's side of the glass."""
    ensure(actor, Permission.PLATFORM_READS_SEE)
    return await _page(actor, _READS, PlatformReadView, cursor, limit)


async def entries(actor: Actor, *, cursor: str | None = None) -> Page[AuditEntryView]:
    """List what was done inside the tenant, newest first."""
    ensure(actor, Permission.USERS_MANAGE)
    return await _page(actor, _ENTRIES, AuditEntryView, cursor)


async def _page(
    actor: Actor, sql: str, shape: type[T], cursor: str | None, limit: int = PAGE_SIZE
) -> Page[T]:
    """Fetch one page below the cursor."""
    before = decode_cursor(cursor, tuple[UUID])[0] if cursor else _LAST_ID
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(sql, actor.tenant_id, before, limit + 1)
    items = [
        msgspec.convert({**row, "detail": msgspec.json.decode(row["detail"])}, shape)
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    return Page(items, encode_cursor(rows[limit - 1]["id"]) if more else None)
