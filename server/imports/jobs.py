"""Work that the outbox brings: imports go on."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from server.imports import service
from server.kit import outbox


async def import_(job: outbox.Job, now: datetime) -> None:
    """Go on with an import; one that cannot be done, whatever is tried, ends as stopped."""
    assert job.tenant_id is not None, "an import is a company's"
    try:
        await service.go_on(job.tenant_id, job.payload, now=now)
    except Exception:
        if job.attempts + 1 >= outbox.ATTEMPTS_MAX:
            await service.give_up(job.tenant_id, job.payload, now=now)
        raise


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.TOPIC: import_
}
"""By topic, what the worker calls."""
