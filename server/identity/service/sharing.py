"""Let one branch of a company see what another has, and stop it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.identity import queries, standings
from server.identity.rules import sharing as rules
from server.identity.schemas import NewSharing, SharingView
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound

_ADD: Final = """
INSERT INTO sharing (tenant_id, id, from_team_id, to_team_id, levels, cities, tag_id, parts,
    may_write, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING id
"""
_TEAMS: Final = "SELECT id FROM team WHERE tenant_id = $1 AND id = ANY($2::uuid[]) FOR KEY SHARE"
_LINES: Final = "SELECT count(*) FROM sharing WHERE tenant_id = $1 AND to_team_id = $2"


async def share(actor: Actor, new: NewSharing, *, now: datetime) -> SharingView:
    """Add a line of policy; reads follow within 30 s, writes at once. May be repeated.

    :raises SharingUnfit: it names one team twice or an unknown one, or there are too many lines.
    :raises IdReused: the id is another line's.
    """
    ensure(actor, Permission.USERS_MANAGE)
    line_id = new.id or ids.new_id(now)
    asked = rules.line_of(line_id, new)
    async with db.tenant_transaction(actor.tenant_id):
        named = [new.from_team_id, new.to_team_id]
        rows = await db.connection().fetch(_TEAMS, actor.tenant_id, named)
        rules.ensure_teams(new, {row["id"] for row in rows})
        added = await db.connection().fetchval(
            _ADD,
            *(actor.tenant_id, line_id, asked.from_team_id, asked.to_team_id),
            *(list(asked.levels), list(asked.cities), asked.tag_id, list(asked.parts)),
            *(asked.may_write, actor.user_id, now),
        )
        view = await queries.one_sharing(actor.tenant_id, line_id)
        if view.line != asked:
            raise IdReused("This id belongs to another line; make a new one.", field="id")
        if added:
            lines = await db.connection().fetchval(_LINES, actor.tenant_id, new.to_team_id)
            rules.ensure_room(lines)
            await audit.record(actor, "sharing.added", subject_id=line_id, now=now)
            standings.forget_on_commit()
    return view


async def unshare(actor: Actor, line_id: UUID, *, now: datetime) -> None:
    """Take a line of policy away.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(
            "DELETE FROM sharing WHERE tenant_id = $1 AND id = $2", actor.tenant_id, line_id
        )
        if not status.endswith(" 1"):
            raise NotFound
        await audit.record(actor, "sharing.removed", subject_id=line_id, now=now)
        standings.forget_on_commit()
