"""What the outbox and the schedule start: totals are counted on, leads hear of deals."""

from datetime import datetime, timedelta
from typing import Final

from server.imports import targets
from server.kit import outbox
from server.kit.schedule import Every, Planned
from server.partners import queries as partners
from server.pipeline.imports.target import DEALS
from server.pipeline.service import counting, feeding

targets.register(DEALS)

COUNT: Final = "pipeline.count"


async def count(job: outbox.Job, now: datetime) -> None:
    """Bring a company's totals up to the present."""
    del now
    assert job.tenant_id is not None, "deals are a company's"
    await counting.count(job.tenant_id)


async def tell_leads(job: outbox.Job, now: datetime) -> None:
    """Tell leads how far the deals have come that were just written."""
    del now
    assert job.tenant_id is not None, "deals are a company's"
    await feeding.tell_leads(job.tenant_id, job.payload["ids"])


async def count_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(COUNT, await partners.tenant_ids(), now=now)


HANDLERS = {COUNT: count, "deals.written": tell_leads}
SCHEDULE = {COUNT: Planned(Every(timedelta(minutes=5)), count_everywhere)}
