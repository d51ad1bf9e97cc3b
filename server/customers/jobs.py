"""Work that the outbox brings: imports go on."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from server.customers.imports import service as imports
from server.kit import outbox


async def import_(job: outbox.Job, now: datetime) -> None:
    """Go on with an import."""
    await imports.go_on(job.payload, now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    imports.TOPIC: import_,
}
"""By topic, what the worker calls."""
