"""Ask what one was told, and how one wants to be told."""

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor
from server.access.hidden import in_text
from server.kit import db
from server.kit.pages import PAGE_SIZE, PAGE_SIZE_MAX, Page, decode_cursor, encode_cursor
from server.notifications import rules
from server.notifications.schemas import Kind, NotificationView, SettingView, Unread

_LAST_ID: Final = UUID(int=2**128 - 1)
_LIST: Final = """
SELECT id, kind, subject, page || coalesce('/' || subject_id, '') AS link, rule, rule_version,
    told_at, read_at
FROM notification
WHERE tenant_id = $1 AND user_id = $2 AND id < $3 AND (read_at IS NULL OR NOT $4)
ORDER BY id DESC LIMIT $5
"""
_UNREAD: Final = """
SELECT count(*) FROM notification WHERE tenant_id = $1 AND user_id = $2 AND read_at IS NULL
"""
_SETTINGS: Final = """
SELECT user_id, channels, quiet_from_minute AS quiet_from, quiet_until_minute AS quiet_until,
    shows_subject
FROM notification_setting WHERE tenant_id = $1 AND user_id = ANY($2::uuid[])
"""
_SETTING: Final = """
SELECT channels, quiet_from_minute AS quiet_from, quiet_until_minute AS quiet_until, shows_subject
FROM notification_setting WHERE tenant_id = $1 AND user_id = $2
"""


async def notifications(
    actor: Actor, *, is_unread: bool = False, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[NotificationView]:
    """List what the actor was told, the newest first."""
    limit = min(max(limit, 1), PAGE_SIZE_MAX)
    before = decode_cursor(cursor, tuple[UUID])[0] if cursor else _LAST_ID
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            _LIST, actor.tenant_id, actor.user_id, before, is_unread, limit + 1
        )
    items = [
        msgspec.convert(
            # Of whose customer it tells is not known here.
            {**row, "subject": in_text(row["subject"])} if actor.masks_phones else dict(row),
            NotificationView,
        )
        for row in rows[:limit]
    ]
    return Page(items, encode_cursor(items[-1].id) if len(rows) > limit else None)


async def unread(actor: Actor) -> Unread:
    """Count what the actor has not looked at."""
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        count = await db.connection().fetchval(_UNREAD, actor.tenant_id, actor.user_id)
    return Unread(count)


async def setting(actor: Actor) -> SettingView:
    """Tell how the actor wants to be told outside of the product."""
    async with db.tenant_transaction(actor.tenant_id):
        return await setting_for(actor.tenant_id, actor.user_id)


async def settings_for(tenant_id: UUID, people: list[UUID]) -> dict[UUID, SettingView]:
    """Tell how those people want to be told who have said so, inside an open transaction."""
    rows = await db.connection().fetch(_SETTINGS, tenant_id, people)
    return {row["user_id"]: setting_of(row) for row in rows}


async def setting_for(tenant_id: UUID, user_id: UUID) -> SettingView:
    """Tell how somebody wants to be told, inside an open transaction of the tenant."""
    return setting_of(await db.connection().fetchrow(_SETTING, tenant_id, user_id))


def setting_of(row: asyncpg.Record | None) -> SettingView:
    """Turn a row into a view; who has said nothing is told in the product alone."""
    if row is None:
        return SettingView()
    channels = msgspec.json.decode(row["channels"])
    return msgspec.convert({**row, "channels": channels}, SettingView)


def sentences(*, is_chinese: bool) -> dict[Kind, str]:
    """Say what each kind of notification tells, in a language."""
    return {kind: rules.sentence(kind, is_chinese=is_chinese) for kind in Kind}
