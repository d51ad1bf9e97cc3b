"""Work that outbox and schedule bring: customers fall into pools, work goes along, tags end."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time
from typing import Final

from server.changelog.postgres import MOVED
from server.customers import following
from server.customers.imports.target import CUSTOMERS
from server.customers.objects.imports.target import RECORDS
from server.customers.pools import recycling
from server.customers.service import tag_ends, tag_use
from server.imports import targets
from server.kit import outbox
from server.kit.schedule import Daily, Planned
from server.partners import queries as partners

targets.register(CUSTOMERS)
targets.register(RECORDS)


async def recycle(job: outbox.Job, now: datetime) -> None:
    """Warn owners, and take the customers that nobody looks after."""
    assert job.tenant_id is not None, "pools are a company's"
    await recycling.recycle(job.tenant_id, now=now)


async def recycle_everywhere(now: datetime) -> None:
    """Leave a day's recycling for each company."""
    await outbox.add_for_each(recycling.TOPIC, await partners.tenant_ids(), now=now)


async def retire_tags(job: outbox.Job, now: datetime) -> None:
    """Retire a company's tags that nobody uses."""
    assert job.tenant_id is not None, "tags are a company's"
    await tag_use.retire_unused(job.tenant_id, now=now)


async def retire_tags_everywhere(now: datetime) -> None:
    """Leave a day's look at the tags for each company."""
    await outbox.add_for_each(tag_use.TOPIC, await partners.tenant_ids(), now=now)


async def remind_of_tags(job: outbox.Job, now: datetime) -> None:
    """Tell who answers for a company's tags which of them end soon."""
    assert job.tenant_id is not None, "tags are a company's"
    await tag_ends.remind_of_ends(job.tenant_id, now=now)


async def remind_of_tags_everywhere(now: datetime) -> None:
    """Leave a morning's word about tags for each company."""
    await outbox.add_for_each(tag_ends.TOPIC, await partners.tenant_ids(), now=now)


async def take_along(job: outbox.Job, now: datetime) -> None:
    """Let the work in progress follow customers that somebody else has now."""
    assert job.tenant_id is not None, "customers are a company's"
    await following.take_along(job.tenant_id, job.payload["former"], now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    MOVED: take_along,
    recycling.TOPIC: recycle,
    tag_ends.TOPIC: remind_of_tags,
    tag_use.TOPIC: retire_tags,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {
    recycling.TOPIC: Planned(Daily(time(4, 40)), recycle_everywhere),
    tag_ends.TOPIC: Planned(Daily(time(8, 10)), remind_of_tags_everywhere),
    tag_use.TOPIC: Planned(Daily(time(4, 20)), retire_tags_everywhere),
}
"""By name, what comes round."""
