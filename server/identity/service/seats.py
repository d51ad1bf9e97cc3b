"""A person who may sign in has a seat of the company's plan."""

from datetime import datetime
from typing import Final
from uuid import UUID

from billing.plans.rules.versions import Meter
from server.entitlements import service as entitlements
from server.kit import db

# Two who are invited at once come one after the other, so that the last seat is one person's.
_IN_TURN: Final = "SELECT true FROM tenant WHERE tenant_id = $1 FOR NO KEY UPDATE"
_TAKEN: Final = """
SELECT count(*) FROM user_account WHERE tenant_id = $1 AND disabled_at IS NULL AND id <> $2
"""


async def ensure_seat(tenant_id: UUID, user_id: UUID, *, now: datetime) -> None:
    """Refuse a person for whom the company's plan has no seat left.

    Who has one keeps it: asking again for the same person is within the plan.

    :raises PlanLimitReached: naming how many seats are taken.
    """

    async def taken() -> int:
        await db.connection().fetchval(_IN_TURN, tenant_id)
        return int(await db.connection().fetchval(_TAKEN, tenant_id, user_id))

    await entitlements.ensure_within(tenant_id, Meter.SEATS, taken, now=now)
