"""What people are in charge of: rooms above ask here before somebody may be in charge of nothing.

This room knows no customers. Whoever does registers a question, and it is asked in the transaction
in which the person's role changes.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from server.kit.errors import Conflict

Question = Callable[[UUID, UUID], Awaitable[int]]
"""Tells, of a company and a person, how many records the person is in charge of."""
_ASKED: Final[dict[str, Question]] = {}


class StillInCharge(Conflict):
    """Whoever becomes an analyst has no customers any more."""

    code = "still_in_charge"


def register(name: str, question: Question) -> None:
    """Add a question; the same name again changes nothing."""
    _ASKED[name] = question


async def ensure_none(tenant_id: UUID, user_id: UUID) -> None:
    """Refuse while a person is in charge of anything, in the open transaction.

    :raises StillInCharge: saying of how many.
    """
    for _, question in sorted(_ASKED.items()):
        if count := await question(tenant_id, user_id):
            raise StillInCharge(
                f"This person still has {count} customers, and an analyst sees none; hand them"
                " over first.",
                field="role",
                count=count,
            )
