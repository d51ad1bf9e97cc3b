"""What the outbox and the schedule start: clocks run, answers arrive, the platform is shown."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from server.kit import outbox
from server.kit.schedule import Every, Planned
from server.partners import queries as partners
from server.requests import service
from server.requests.queries.platform import ANSWERED
from server.requests.service.platform import SENT

REMIND: Final = "requests.remind"


async def set_dues(job: outbox.Job, now: datetime) -> None:
    """Count until when requests that were just written are due."""
    assert job.tenant_id is not None, "requests are a company's"
    await service.set_dues(job.tenant_id, job.payload["ids"], now=now)


async def settle(job: outbox.Job, now: datetime) -> None:
    """Bring an answer of the platform to its agent."""
    assert job.tenant_id is not None, "requests are a company's"
    answered = msgspec.convert(job.payload, service.Answered)
    await service.settle(job.tenant_id, answered, now=now)


async def show_platform(job: outbox.Job, now: datetime) -> None:
    """Tell the platform's open pages that something moved."""
    del job, now
    await service.show_platform()


async def remind(job: outbox.Job, now: datetime) -> None:
    """Tell of a company's late requests."""
    assert job.tenant_id is not None, "requests are a company's"
    await service.remind(job.tenant_id, now=now)


async def remind_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(REMIND, await partners.tenant_ids(), now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    REMIND: remind,
    ANSWERED: settle,
    SENT: show_platform,
    "requests.written": set_dues,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {REMIND: Planned(Every(timedelta(minutes=5)), remind_everywhere)}
"""By name, what comes round."""
