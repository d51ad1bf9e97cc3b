"""The custom objects that a company has."""

from typing import Final
from uuid import UUID

import asyncpg

from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.customers.objects import rules
from server.customers.objects.schemas import ObjectView
from server.kit import db
from server.kit.errors import NotFound

_OBJECTS: Final = """
SELECT id, seq, name_zh, coalesce(name_en, '') AS name_en, meaning, title_zh,
    coalesce(title_en, '') AS title_en, writers, coalesce(place, 0) AS place, state
FROM custom_object WHERE tenant_id = $1 AND NOT deleted
ORDER BY place, id
"""


async def listed(actor: Actor, *, with_archived: bool = True) -> list[ObjectView]:
    """List the company's custom objects in their order."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_OBJECTS, actor.tenant_id)
    found = map(_view, rows)
    return [each for each in found if with_archived or each.state == "active"]


async def one(actor: Actor, object_id: UUID) -> ObjectView:
    """Give one custom object.

    :raises NotFound: there is none.
    """
    for each in await listed(actor):
        if each.id == object_id:
            return each
    raise NotFound


def may_write(actor: Actor, held: ObjectView) -> bool:
    """Say whether the actor writes the records of an object."""
    allowed = ROLE_PERMISSIONS[actor.role]
    return Permission.CUSTOMERS_WRITE in allowed and rules.may_write(actor, held.writers)


def _view(row: asyncpg.Record) -> ObjectView:
    """Turn a row into a view."""
    return ObjectView(**dict(row))
