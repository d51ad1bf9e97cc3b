"""What the outbox and the schedule start: the clocks of service cases run."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from server.cases import service
from server.kit import outbox
from server.kit.schedule import Every, Planned
from server.partners import queries as partners

REMIND: Final = "cases.remind"


async def set_dues(job: outbox.Job, now: datetime) -> None:
    """Count until when cases are due that were just written."""
    assert job.tenant_id is not None, "cases are a company's"
    await service.set_dues(job.tenant_id, job.payload["ids"], now=now)


async def remind(job: outbox.Job, now: datetime) -> None:
    """Tell of a company's late cases."""
    assert job.tenant_id is not None, "cases are a company's"
    await service.remind(job.tenant_id, now=now)


async def remind_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(REMIND, await partners.tenant_ids(), now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    REMIND: remind,
    "cases.written": set_dues,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {REMIND: Planned(Every(timedelta(minutes=5)), remind_everywhere)}
"""By name, what comes round."""
