"""How many answers about others' customers a day has: for a person, and for its whole company.

Checks draw on it, and registrations: that one is refused, or is not, tells as much as a check.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.kit import db
from server.kit.calendars import ZONE

_COUNT: Final = """
INSERT INTO registration_check (tenant_id, user_id, day, asked) VALUES ($1, $2, $3, 1)
ON CONFLICT (tenant_id, day, user_id) DO UPDATE SET asked = registration_check.asked + 1
RETURNING asked
"""
_TAKE: Final = """
INSERT INTO registration_check (tenant_id, user_id, day, asked) SELECT $1, $1, $2, 1 WHERE $3 > 0
ON CONFLICT (tenant_id, day, user_id) DO UPDATE SET asked = registration_check.asked + 1
WHERE registration_check.asked < $3
RETURNING asked
"""


async def count(tenant_id: UUID, user_id: UUID, *, now: datetime) -> int:
    """Count an answer of the day, in an open transaction of the company; give what it has seen.

    :param user_id: who asked; for what its company as a whole has asked, `tenant_id`. That is one
        row: of two that ask at once the second waits.
    """
    day = now.astimezone(ZONE).date()
    asked: int = await db.connection().fetchval(_COUNT, tenant_id, user_id, day)
    return asked


async def take(tenant_id: UUID, *, most: int, now: datetime) -> bool:
    """Take an answer of a company's day, in an open transaction of it; say whether one was left.

    :param most: how many a day has.
    """
    day = now.astimezone(ZONE).date()
    return await db.connection().fetchval(_TAKE, tenant_id, day, most) is not None
