"""Work that the outbox brings: what leaves the product is sent."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from server.kit import outbox
from server.notifications import channels, service


async def deliver(job: outbox.Job, now: datetime) -> None:
    """Send a notification."""
    assert job.tenant_id is not None, "people are told things inside their company"
    notification_id = UUID(job.payload["id"])
    await service.deliver(job.tenant_id, notification_id, sender=channels.sender(), now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.TOPIC: deliver,
}
"""By topic, what the worker calls."""
