"""Read saved views: one's own, those of one's team, and those of the company."""

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.customers.views.schemas import Look, ViewView
from server.kit import db
from server.kit.errors import NotFound

_VIEWS: Final = """
SELECT id, name, look, audience, made_by, changed_at FROM saved_view
WHERE tenant_id = $1 AND (
    made_by = $2 OR audience = 'tenant' OR (audience = 'team' AND team_id = $3::uuid)
)
"""


async def views(actor: Actor) -> list[ViewView]:
    """List the views that the actor finds among theirs, by name; 500 at most."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f'{_VIEWS} ORDER BY name COLLATE "C", id LIMIT 500', *_who(actor)
        )
    return [_view(row) for row in rows]


async def one(actor: Actor, view_id: UUID) -> ViewView:
    """Give one view that the actor finds among theirs.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(f"{_VIEWS} AND id = $4", *_who(actor), view_id)
    if row is None:
        raise NotFound
    return _view(row)


def _who(actor: Actor) -> tuple[UUID, UUID, UUID | None]:
    """Give the parameters that say who asks."""
    return actor.tenant_id, actor.user_id, actor.team_id


def _view(row: asyncpg.Record) -> ViewView:
    """Turn a row into a view."""
    look = msgspec.json.decode(row["look"], type=Look)
    return msgspec.convert({**row, "look": look}, ViewView)
