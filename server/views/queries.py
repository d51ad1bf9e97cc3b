"""Read saved views: one's own, those of one's team, and those of the company."""

from collections.abc import Mapping
from typing import Final, assert_never
from uuid import UUID

import asyncpg
import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.views.schemas import CustomerLook, DealLook, LeadLook, ListName, Look, ViewView

_LISTS: Final[Mapping[ListName, Permission]] = {
    "customers": Permission.CUSTOMERS_READ,
    "deals": Permission.CUSTOMERS_READ,
    "leads": Permission.LEADS_MANAGE,
}
"""The lists that have views, each with what its readers may."""
_VIEWS: Final = """
SELECT id, name, '{"list": "customers"}' || look AS look, audience, made_by, changed_at
FROM saved_view
WHERE tenant_id = $1 AND coalesce(look ->> 'list', 'customers') = ANY($4::text[]) AND (
    made_by = $2 OR audience = 'tenant' OR (audience = 'team' AND team_id = $3::uuid)
)
"""
"""Views that say no list are of customers: for a while there were no others."""


def lists_of(actor: Actor) -> list[ListName]:
    """Name the lists that the actor reads."""
    may = ROLE_PERMISSIONS[actor.role]
    return [name for name, permission in _LISTS.items() if permission in may]


def ensure_reads(actor: Actor, look: Look) -> None:
    """Refuse a view of a list that the actor does not read.

    :raises NotPermitted: always then.
    """
    match look:
        case CustomerLook():
            ensure(actor, _LISTS["customers"])
        case DealLook():
            ensure(actor, _LISTS["deals"])
        case LeadLook():
            ensure(actor, _LISTS["leads"])
        case _:
            assert_never(look)


async def views(actor: Actor, list_name: ListName | None = None) -> list[ViewView]:
    """List the views that the actor finds among theirs, by name; 500 at most.

    :param list_name: those of one list alone.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    lists = [name for name in lists_of(actor) if list_name in {None, name}]
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f'{_VIEWS} ORDER BY name COLLATE "C", id LIMIT 500', *_who(actor), lists
        )
    return [_view(row) for row in rows]


async def one(actor: Actor, view_id: UUID) -> ViewView:
    """Give one view that the actor finds among theirs.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"{_VIEWS} AND id = $5", *_who(actor), lists_of(actor), view_id
        )
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
