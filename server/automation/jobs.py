"""What the outbox and the schedule start: the clocks of must-do tasks run."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from server.automation import service
from server.kit import db, outbox
from server.kit.schedule import Every, Planned
from server.partners import queries as partners

ESCALATE: Final = "automation.escalate"


async def escalate(job: outbox.Job, now: datetime) -> None:
    """Send word of a company's late tasks."""
    assert job.tenant_id is not None, "tasks are a company's"
    await service.escalate(job.tenant_id, now=now)


async def restart(job: outbox.Job, now: datetime) -> None:
    """Begin anew with tasks that were moved."""
    assert job.tenant_id is not None, "tasks are a company's"
    await service.restart(job.tenant_id, job.payload["ids"], now=now)


async def escalate_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    tenants = await partners.tenant_ids()
    async with db.job_transaction():
        for tenant_id in tenants:
            key = f"{ESCALATE}:{tenant_id}"
            await outbox.add(ESCALATE, {}, tenant_id=tenant_id, now=now, key=key)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    ESCALATE: escalate,
    "tasks.written": restart,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {ESCALATE: Planned(Every(timedelta(minutes=5)), escalate_everywhere)}
"""By name, what comes round."""
