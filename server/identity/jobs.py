"""What the outbox starts."""

from datetime import datetime

from server.identity import service
from server.identity.service.proof import SWEEP
from server.kit.outbox import Job


async def on_sweep(_: Job, now: datetime) -> None:
    """Remove what has been over for a week."""
    await service.sweep(now=now)


HANDLERS = {SWEEP: on_sweep}
