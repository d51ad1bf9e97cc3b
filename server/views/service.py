"""Save, change and remove views. Each function is one use case and one transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor
from server.audit import service as audit
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.kit.text import cleaned
from server.views import queries, rules
from server.views.rules import Audience
from server.views.schemas import NewView, ViewEdit, ViewView

_ADD: Final = """
INSERT INTO saved_view (tenant_id, id, name, look, audience, made_by, team_id, made_at, changed_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING RETURNING id
"""
_CHANGE: Final = """
UPDATE saved_view SET name = $3, look = $4::jsonb, audience = $5, changed_at = $6,
    team_id = CASE WHEN $5 = 'team' AND audience <> 'team' THEN (
        SELECT u.team_id FROM user_account u WHERE u.tenant_id = $1 AND u.id = made_by
    ) ELSE team_id END
WHERE tenant_id = $1 AND id = $2
"""
_KEPT: Final = "SELECT count(*) FROM saved_view WHERE tenant_id = $1 AND made_by = $2"


async def save(actor: Actor, new: NewView, *, now: datetime) -> ViewView:
    """Save a view. The same id and content may come again.

    :raises NotPermitted: the actor does not read this list.
    :raises AudienceUnfit: it cannot be shared so.
    :raises TooManyViews: remove one first.
    :raises IdReused: the id is another view's.
    """
    queries.ensure_reads(actor, new.look)
    rules.ensure_audience(actor, new.audience)
    view_id, name = new.id or ids.new_id(now), cleaned(new.name, "name", 60)
    async with db.tenant_transaction(actor.tenant_id):
        added = await db.connection().fetchval(
            _ADD,
            *(actor.tenant_id, view_id, name, msgspec.json.encode(new.look).decode()),
            *(new.audience.value, actor.user_id, actor.team_id, now),
        )
        if added:
            kept = await db.connection().fetchval(_KEPT, actor.tenant_id, actor.user_id)
            if kept > rules.VIEWS_MAX:
                raise rules.TooManyViews("You keep 100 views, as many as one may; remove one.")
        try:
            held = await queries.one(actor, view_id)
        except NotFound:
            held = None
        if added and new.audience is not Audience.OWN:
            await _tell_trail(actor, view_id, Audience.OWN, new.audience, now=now)
        if held is None or (held.name, held.look, held.audience) != (name, new.look, new.audience):
            raise IdReused("This id belongs to another view; make a new one.", field="id")
    return held


async def change(actor: Actor, view_id: UUID, edit: ViewEdit, *, now: datetime) -> ViewView:
    """Change what was touched of a view.

    :raises NotFound: the actor finds none.
    :raises NotYourView: somebody else made it.
    :raises AudienceUnfit: it is, or would be, shared as the actor shares none (any more).
    """
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.one(actor, view_id)
        rules.ensure_may_change(actor, held.made_by)
        audience = held.audience if edit.audience is UNSET else edit.audience
        # What a whole company finds is written by who may share with it today.
        if audience is not held.audience or audience is Audience.TENANT:
            rules.ensure_audience(actor, audience)
        name = held.name if edit.name is UNSET else cleaned(edit.name, "name", 60)
        look = held.look if edit.look is UNSET else edit.look
        queries.ensure_reads(actor, look)
        encoded = msgspec.json.encode(look).decode()
        await db.connection().execute(
            _CHANGE, actor.tenant_id, view_id, name, encoded, audience.value, now
        )
        if audience is not held.audience:
            await _tell_trail(actor, view_id, held.audience, audience, now=now)
        return await queries.one(actor, view_id)


async def remove(actor: Actor, view_id: UUID, *, now: datetime) -> None:
    """Remove a view; nothing that it shows is touched.

    :raises NotFound: the actor finds none.
    :raises NotYourView: somebody else made it.
    """
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.one(actor, view_id)
        rules.ensure_may_change(actor, held.made_by)
        await db.connection().execute(
            "DELETE FROM saved_view WHERE tenant_id = $1 AND id = $2", actor.tenant_id, view_id
        )
        if held.audience is not Audience.OWN:
            await _tell_trail(actor, view_id, held.audience, Audience.OWN, now=now)


async def _tell_trail(
    actor: Actor, view_id: UUID, before: Audience, after: Audience, *, now: datetime
) -> None:
    """Write down with whom a view is shared now, and with whom it was."""
    action = "view.unshared" if after is Audience.OWN else "view.shared"
    await audit.record(actor, action, subject_id=view_id, now=now, audience=[before, after])
