"""What the schedule starts: each agent's plan is carried on to today."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from billing.errors import BillingRefusal
from billing.invoices import service as invoicing
from billing.plans import queries as plans
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.schedule import Every, Planned
from server.plans import rules
from server.plans.service import desk_of

log = structlog.get_logger()

CARRY_ON: Final = "plans.carry_on"
_KEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name=CARRY_ON)
_READ: Final = 1_000
"""So many agents are looked at in one go."""
_OF_AN_AGENT: Final = (
    BillingRefusal,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
"""What one agent's plan is refused for, or waits too long for; a lost connection is all agents'."""


async def carry_on(now: datetime) -> None:
    """Carry every agent's plan on, some in a transaction; who has none costs nothing."""
    today = now.astimezone(ZONE).date()
    after: UUID | None = None
    while True:
        async with db.platform_transaction(_KEEPER):
            behind = await plans.behind(today, after=after, limit=_READ)
        for together in rules.parted(behind, today):
            await carry_together(together, today, now)
        if not behind:
            return
        after = behind[-1].agent_id


async def carry_together(agent_ids: Sequence[UUID], today: date, now: datetime) -> None:
    """Carry plans on together; where one is refused, the halves: it never stops its neighbours."""
    try:
        async with db.platform_transaction(_KEEPER):
            done = await invoicing.advance_all(agent_ids, today, desk_of(_KEEPER, now))
    except _OF_AN_AGENT as failure:
        if len(agent_ids) > 1:
            half = len(agent_ids) // 2
            await carry_together(agent_ids[:half], today, now)
            await carry_together(agent_ids[half:], today, now)
            return
        code = failure.code if isinstance(failure, BillingRefusal) else failure.sqlstate
        log.warning("plans.not-carried-on", tenant_id=str(agent_ids[0]), code=code)
        return
    for carried in done:
        if carried.parked_reason is not None:
            log.warning(
                "plans.parked", tenant_id=str(carried.agent_id), reason=carried.parked_reason
            )


SCHEDULE: Final = {CARRY_ON: Planned(Every(timedelta(hours=1)), carry_on)}
"""By name, what comes round."""
