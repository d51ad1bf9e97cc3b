"""Tell who is in charge of a contract that it ends soon: a month before, and a week before."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from server.contracts import rules
from server.identity.rules.absences import day_of
from server.kit import db
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.notifications.service import Word

# What was told is told no more: the key of a word says of which contract, end and step it is.
_ENDING: Final = """
SELECT k.id, k.title, k.ends_on, k.account_manager_id, c.owner_id
FROM contract k JOIN customer c ON c.tenant_id = k.tenant_id AND c.id = k.customer_id
WHERE k.tenant_id = $1 AND k.state IN ('signed', 'in_force') AND NOT k.deleted
    AND k.ends_on >= $2 AND k.ends_on <= $3
    AND NOT EXISTS (
        SELECT FROM contract n
        WHERE n.tenant_id = k.tenant_id AND n.renews_id = k.id AND n.signed_on IS NOT NULL
    )
ORDER BY k.ends_on, k.id
"""


async def remind_of_ends(tenant_id: UUID, *, now: datetime) -> int:
    """Tell of a company's contracts that end soon, each step once; say how many were told."""
    today = day_of(now)
    last = today + timedelta(days=rules.REMINDED_DAYS[0])
    async with db.tenant_transaction(tenant_id):
        rows = await db.connection().fetch(_ENDING, tenant_id, str(today), str(last))
        words = [
            Word(
                user_id=person_id,
                kind=Kind.CONTRACT_ENDS,
                key=f"{Kind.CONTRACT_ENDS}:{row['id']}:{row['ends_on']}:{step}",
                subject=f"{row['title']} · {row['ends_on']}",
                page="/contracts",
                subject_id=row["id"],
            )
            for row in rows
            for step in [rules.reminder((date.fromisoformat(row["ends_on"]) - today).days)]
            for person_id in {row["account_manager_id"], row["owner_id"]} - {None}
        ]
        return await notifications.tell_all(tenant_id, words, now=now)
