"""What the outbox starts: files are read and compared."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from server.kit import outbox
from server.reconciliation import service


async def read(job: outbox.Job, now: datetime) -> None:
    """Go on with a file."""
    await service.go_on(UUID(job.payload["file_id"]), now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.TOPIC: read,
}
"""By topic, what is done with a job."""
