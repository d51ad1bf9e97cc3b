"""What comes round: every night the records of each company are looked through."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time
from typing import Final

from server.kit import db, outbox
from server.kit.schedule import Daily, Planned
from server.partners import queries as partners
from server.quality import service

LOOK: Final = "quality.look"


async def look_through(job: outbox.Job, now: datetime) -> None:
    """Assess a company's records."""
    assert job.tenant_id is not None, "records are a company's"
    await service.look_through(job.tenant_id, now=now)


async def look_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    tenants = await partners.tenant_ids()
    async with db.job_transaction():
        for tenant_id in tenants:
            key = f"{LOOK}:{tenant_id}"
            await outbox.add(LOOK, {}, tenant_id=tenant_id, now=now, key=key)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    LOOK: look_through
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {LOOK: Planned(Daily(time(3, 30)), look_everywhere)}
"""By name, what comes round."""
