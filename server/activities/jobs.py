"""Work that the outbox brings: visits are judged after they were written."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from server.activities import service
from server.kit import outbox


async def judge_visits(job: outbox.Job, now: datetime) -> None:
    """Judge visits that were written."""
    assert job.tenant_id is not None, "a visit is a company's"
    await service.judge_visits(job.tenant_id, job.payload["ids"], now=now)


async def judge_photographed(job: outbox.Job, now: datetime) -> None:
    """Judge the visits of photos that were written."""
    assert job.tenant_id is not None, "an attachment is a company's"
    await service.judge_photographed(job.tenant_id, job.payload["ids"], now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    "visits.written": judge_visits,
    "attachments.written": judge_photographed,
}
"""By topic, what the worker calls."""
