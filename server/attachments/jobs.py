"""Work that the outbox brings: what is left over is let go."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from server.attachments import service
from server.attachments.service.taking import SWEEP
from server.kit import outbox


async def sweep(job: outbox.Job, now: datetime) -> None:
    """Sweep one company's leftovers."""
    assert job.tenant_id is not None, "contents are a company's"
    await service.sweep(job.tenant_id, now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {SWEEP: sweep}
"""By topic, what the worker calls."""
