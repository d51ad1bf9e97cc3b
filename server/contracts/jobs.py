"""What the outbox and the schedule start: contracts begin and end on their days."""

from datetime import datetime, time
from typing import Final

from server.contracts import service
from server.kit import outbox
from server.kit.schedule import Daily, Planned
from server.partners import queries as partners

FOLLOW: Final = "contracts.follow_days"


async def follow_days(job: outbox.Job, now: datetime) -> None:
    """Let a company's contracts begin and end, and tell of those that end soon."""
    assert job.tenant_id is not None, "contracts are a company's"
    await service.follow_days(job.tenant_id, now=now)
    await service.remind_of_ends(job.tenant_id, now=now)


async def follow_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(FOLLOW, await partners.tenant_ids(), now=now)


HANDLERS = {FOLLOW: follow_days}
SCHEDULE = {FOLLOW: Planned(Daily(time(0, 15)), follow_everywhere)}
