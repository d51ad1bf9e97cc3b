"""Who answers for a tag is told a week before its end (S15): to prolong it, or to retire it.

Nothing is taken off customers by itself: what a word means after its day is a person's decision.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import ROLE_PERMISSIONS, Permission, Role
from server.identity import queries as identity
from server.identity.rules.absences import day_of
from server.kit import db
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word

TOPIC: Final = "customers.tag_ends"
TOLD_DAYS: Final = 7
"""How long before its end a tag's owner is told."""
# What was told is told no more: the key of a word says of which tag and end it is.
_ENDING: Final = """
SELECT id, name, owner_id, expires_on FROM tag
WHERE tenant_id = $1 AND NOT deleted AND expires_on >= $2 AND expires_on <= $3
ORDER BY expires_on, id
"""


async def remind_of_ends(tenant_id: UUID, *, now: datetime) -> int:
    """Tell of a company's tags that end soon, once for each end; say how many were told.

    Where nobody answers for a tag, or nobody who is still here, all who write every tag are told.
    """
    today = day_of(now)
    last = today + timedelta(days=TOLD_DAYS)
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_ENDING, tenant_id, str(today), str(last))
        staff = await identity.staff(tenant_id) if rows else []
        here = {each.id for each in staff if _may(each.role, Permission.CUSTOMERS_WRITE)}
        managers = {each.id for each in staff if _may(each.role, Permission.FIELDS_MANAGE)}
        words = [
            Word(
                user_id=person_id,
                kind=Kind.TAG_ENDS,
                key=f"{Kind.TAG_ENDS}:{row['id']}:{row['expires_on']}",
                subject=f"{row['name']} · {row['expires_on']}",
                page="/tags",
                subject_id=row["id"],
            )
            for row in rows
            for person_id in sorted({row["owner_id"]} & here or managers)
        ]
        return await notifications.tell_all(tenant_id, words, now=now)


def _may(role: Role, permission: Permission) -> bool:
    """Say whether a role includes a permission."""
    return permission in ROLE_PERMISSIONS[role]
