"""What the outbox starts: a leaver's things are listed, a plan is carried out by portions."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from server.exits import service
from server.exits.service import carrying, drawing
from server.kit import outbox


async def draw(job: outbox.Job, now: datetime) -> None:
    """List what there is."""
    assert job.tenant_id is not None, "who leaves is a company"
    await service.draw(job.tenant_id, UUID(job.payload["exit_id"]), now=now)


async def carry(job: outbox.Job, now: datetime) -> None:
    """Do the next portion."""
    assert job.tenant_id is not None, "who leaves is a company"
    await service.carry(job.tenant_id, UUID(job.payload["exit_id"]), now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    drawing.DRAW: draw,
    carrying.CARRY: carry,
}
"""By topic, what the worker calls."""
