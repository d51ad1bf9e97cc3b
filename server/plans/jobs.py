"""What the schedule starts: each agent's plan is carried on to today."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from billing.errors import BillingRefusal
from billing.invoices import service as invoicing
from billing.plans import queries as plans
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.schedule import Every, Planned
from server.plans.service import desk_of

log = structlog.get_logger()

CARRY_ON: Final = "plans.carry_on"
_KEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name=CARRY_ON)
_AT_ONCE: Final = 200


async def carry_on(now: datetime) -> None:
    """Carry every agent's plan on, each in a transaction of its own; who has none costs nothing."""
    today = now.astimezone(ZONE).date()
    after: UUID | None = None
    while True:
        async with db.platform_transaction(_KEEPER):
            behind = await plans.behind(today, after=after, limit=_AT_ONCE)
        for agent_id in behind:
            await _carry_on(agent_id, today, now)
        if not behind:
            return
        after = behind[-1]


async def _carry_on(agent_id: UUID, today: date, now: datetime) -> None:
    """Carry one agent's plan on; where that is refused, the others' go on all the same."""
    try:
        async with db.platform_transaction(_KEEPER):
            carried = await invoicing.advance(agent_id, today, desk_of(_KEEPER, now))
    except BillingRefusal as refusal:
        log.warning("plans.not-carried-on", tenant_id=str(agent_id), code=refusal.code)
        return
    if carried.parked_reason is not None:
        log.warning("plans.parked", tenant_id=str(agent_id), reason=carried.parked_reason)


SCHEDULE: Final = {CARRY_ON: Planned(Every(timedelta(hours=1)), carry_on)}
"""By name, what comes round."""
