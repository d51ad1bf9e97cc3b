"""What the schedule starts."""

from datetime import datetime

from server.identity import service
from server.kit.outbox import Job


async def on_sweep(_: Job, now: datetime) -> None:
    """Remove what has been over for a week."""
    await service.sweep(now=now)


HANDLERS = {"identity.sweep": on_sweep}
