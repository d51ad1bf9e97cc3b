"""What outbox and schedule start: leads are routed, clocks run out, counts are summed up."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Actor, Role, of_the_product
from server.imports import targets
from server.kit import db, outbox
from server.kit.schedule import Every, Planned
from server.leads import service
from server.leads.imports.target import LEADS
from server.leads.service import counting
from server.leads.service.intake import ROUTE
from server.leads.service.routing import OVERDUE
from server.partners import queries as partners

COUNT: Final = "leads.count"

targets.register(LEADS)


async def route(job: outbox.Job, now: datetime) -> None:
    """Route some of a company's leads, and leave the rest to another job."""
    assert job.tenant_id is not None, "leads are a company's"
    after = job.payload.get("after")
    reached = await service.route_ready(
        _product(job.tenant_id), after=UUID(after) if after else None, now=now
    )
    if reached is not None:
        async with db.tenant_transaction(job.tenant_id):
            await outbox.add(ROUTE, {"after": str(reached)}, tenant_id=job.tenant_id, now=now)


async def overdue(job: outbox.Job, now: datetime) -> None:
    """Take a lead back whose clock has run out."""
    assert job.tenant_id is not None, "leads are a company's"
    await service.let_clock_run_out(
        _product(job.tenant_id),
        UUID(job.payload["lead_id"]),
        datetime.fromisoformat(job.payload["accept_by"]),
        now=now,
    )


async def count(job: outbox.Job, now: datetime) -> None:
    """Put what was counted of a company's leads together."""
    del now
    assert job.tenant_id is not None, "leads are a company's"
    await counting.sum_up(job.tenant_id)


async def count_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(COUNT, await partners.tenant_ids(), now=now)


def _product(tenant_id: UUID) -> Actor:
    """Give who routes when no person does."""
    return of_the_product(tenant_id, role=Role.AGENT_OWNER, name="routing")


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    ROUTE: route,
    OVERDUE: overdue,
    COUNT: count,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {COUNT: Planned(Every(timedelta(minutes=5)), count_everywhere)}
"""By name, what comes round."""
