"""What the outbox and the schedule start: quotes end when their last day has passed."""

from datetime import datetime, time
from typing import Final

from server.imports import targets
from server.kit import outbox
from server.kit.schedule import Daily, Planned
from server.partners import queries as partners
from server.sales import service
from server.sales.imports.target import PRICES

targets.register(PRICES)

EXPIRE: Final = "sales.expire"


async def expire(job: outbox.Job, now: datetime) -> None:
    """Let a company's late quotes end."""
    assert job.tenant_id is not None, "quotes are a company's"
    await service.expire(job.tenant_id, now=now)


async def expire_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(EXPIRE, await partners.tenant_ids(), now=now)


HANDLERS = {EXPIRE: expire}
SCHEDULE = {EXPIRE: Planned(Daily(time(0, 10)), expire_everywhere)}
