"""What goes along with a customer's card where its word says so: places, people, past and plans.

Who of the leaver's was where, and how far that is trusted, are the leaver's own: of visits and
calls what was written down of them goes along, as notes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.activities import service as activities
from server.activities.service import WantedTask
from server.customers import service as customers
from server.customers.schemas import EarlierNote, NewContact, NewStore
from server.kit import db

_STORES: Final = """
SELECT id, name, address, city, district, lat, lng, phone FROM store
WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted ORDER BY id
"""
_CONTACTS: Final = """
SELECT c.id, s.id AS store_id, c.name, c.title, c.phone, c.email, c.wechat, c.role, c.stance,
    c.remark
FROM contact c
LEFT JOIN store s ON s.tenant_id = c.tenant_id AND s.id = c.store_id AND NOT s.deleted
WHERE c.tenant_id = $1 AND c.customer_id = $2 AND NOT c.deleted ORDER BY c.id
"""
_NOTES: Final = """
SELECT id, body, floor(extract(epoch FROM at) * 1000)::bigint AS written_at FROM (
    SELECT id, body, written_at AS at FROM note
    WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted
    UNION ALL
    SELECT id, concat_ws(E'\\n', '拜访：' || summary, '下一步：' || next_step), checked_in_at
    FROM visit
    WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND checked_in_at IS NOT NULL
        AND coalesce(summary, next_step) IS NOT NULL
    UNION ALL
    SELECT id, '电话：' || note, called_at FROM call
    WHERE tenant_id = $1 AND customer_id = $2 AND NOT deleted AND note IS NOT NULL
) written ORDER BY at, id
"""
_TASKS: Final = """
SELECT t.id, c.id AS contact_id, t.title, t.detail, t.due_at,
    coalesce(t.priority, 'normal') AS priority
FROM task t
LEFT JOIN contact c ON c.tenant_id = t.tenant_id AND c.id = t.contact_id AND NOT c.deleted
WHERE t.tenant_id = $1 AND t.customer_id = $2 AND NOT t.deleted
    AND t.done_at IS NULL AND t.cancelled_at IS NULL ORDER BY t.id
"""

Ids = Callable[[UUID], UUID]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What goes along with a customer."""

    stores: list[Any]
    contacts: list[Any]
    notes: list[Any]
    tasks: list[Any]

    def counts(self) -> dict[str, int]:
        """Say how many of each there are; the trails of both sides tell it."""
        return {name: len(getattr(self, name)) for name in self.__struct_fields__}


async def read(leaver_id: UUID, customer_id: UUID) -> History:
    """Read what there is of a customer, in the leaver's transaction."""

    async def found(statement: str) -> list[Any]:
        return list(await db.connection().fetch(statement, leaver_id, customer_id))

    return History(
        stores=await found(_STORES),
        contacts=await found(_CONTACTS),
        notes=await found(_NOTES),
        tasks=await found(_TASKS),
    )


async def write(
    receiver: Actor, customer_id: UUID, history: History, ids: Ids, *, now: datetime
) -> None:
    """Write it down for a customer that was received, in the successor's transaction.

    :param ids: gives the id that a thing has with its successor.
    """

    def theirs(row: Any) -> dict[str, Any]:
        """Give a row with the ids that it has there."""
        return {
            name: ids(value) if isinstance(value, UUID) else value for name, value in row.items()
        }

    came: list[NewStore | NewContact | EarlierNote] = [
        *(NewStore(**theirs(row)) for row in history.stores),
        *(NewContact(**theirs(row)) for row in history.contacts),
        *(EarlierNote(**theirs(row)) for row in history.notes),
    ]
    if came:
        await customers.add_along(receiver, customer_id, came, now=now)
    wanted = [
        WantedTask(**theirs(row), customer_id=customer_id, assignee_id=receiver.user_id)
        for row in history.tasks
    ]
    if wanted:
        await activities.make_tasks(receiver, wanted, now=now)
