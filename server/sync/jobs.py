"""What the outbox and the schedule start: looking for doubles, and throwing away what is old."""

from datetime import datetime, time
from typing import Final

from server.kit import outbox
from server.kit.schedule import Daily, Planned
from server.sync import collection, pairs, restoration

COLLECT: Final = "tombstones.collect"


async def find_pairs(job: outbox.Job, now: datetime) -> None:
    """Look whether customers that a device made were there already."""
    assert job.tenant_id is not None, "customers are a company's"
    await pairs.find(job.tenant_id, job.payload, now=now)


async def collect(job: outbox.Job, now: datetime) -> None:
    """Throw away what no device of a company needs any more."""
    assert job.tenant_id is not None, "tombstones are a company's"
    await collection.collect(job.tenant_id, now=now)


async def collect_everywhere(now: datetime) -> None:
    """Leave a night's work for each company."""
    await outbox.add_for_each(COLLECT, await restoration.tenants(), now=now)


HANDLERS = {pairs.TOPIC: find_pairs, COLLECT: collect}
SCHEDULE = {COLLECT: Planned(Daily(time(3, 20)), collect_everywhere)}
