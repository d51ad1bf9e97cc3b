"""Look up the platform's own registrations, and how they stand in the registry."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.registrations.schemas import HouseView

_HOUSE: Final = """
SELECT h.id, h.label, h.registered_at, coalesce(e.state, 'checking') AS state, e.protected_until,
    e.reason, e.case_id
FROM house_registration h
LEFT JOIN registry_entry e ON e.id = h.id AND (e.told_from IS NULL OR e.told_from <= $1)
"""


async def houses(actor: Actor, *, now: datetime) -> list[HouseView]:
    """List what the platform has registered for itself, the last first."""
    ensure(actor, Permission.CHANNEL_SEE)
    async with db.platform_transaction(actor):
        rows = await db.connection().fetch(f"{_HOUSE} ORDER BY h.id DESC LIMIT 500", now)
    return [msgspec.convert(dict(row), HouseView) for row in rows]


async def one(house_id: UUID, *, now: datetime) -> HouseView:
    """Give one, in an open transaction of the platform.

    :raises NotFound: there is none.
    """
    row = await db.connection().fetchrow(f"{_HOUSE} WHERE h.id = $2", now, house_id)
    if row is None:
        raise NotFound
    return msgspec.convert(dict(row), HouseView)
