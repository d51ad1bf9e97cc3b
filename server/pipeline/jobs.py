"""What the outbox and the schedule start: the totals are counted on."""

from datetime import datetime, timedelta
from typing import Final

from server.kit import outbox
from server.kit.schedule import Every, Planned
from server.partners import queries as partners
from server.pipeline.service import counting

COUNT: Final = "pipeline.count"


async def count(job: outbox.Job, now: datetime) -> None:
    """Bring a company's totals up to the present."""
    del now
    assert job.tenant_id is not None, "deals are a company's"
    await counting.count(job.tenant_id)


async def count_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(COUNT, await partners.tenant_ids(), now=now)


HANDLERS = {COUNT: count}
SCHEDULE = {COUNT: Planned(Every(timedelta(minutes=5)), count_everywhere)}
