"""What the outbox and the schedule start: the clocks of must-do tasks run, and plays act."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Final

from server.automation import service
from server.automation.plays import acting
from server.automation.signals import service as signals
from server.kit import outbox
from server.kit.schedule import Daily, Every, Planned
from server.partners import queries as partners

ESCALATE: Final = "automation.escalate"
PLAY: Final = "automation.play"


async def escalate(job: outbox.Job, now: datetime) -> None:
    """Send word of a company's late tasks."""
    assert job.tenant_id is not None, "tasks are a company's"
    await service.escalate(job.tenant_id, now=now)


async def restart(job: outbox.Job, now: datetime) -> None:
    """Begin anew with tasks that were moved."""
    assert job.tenant_id is not None, "tasks are a company's"
    await service.restart(job.tenant_id, job.payload["ids"], now=now)


async def play(job: outbox.Job, now: datetime) -> None:
    """Let a company's plays act on what came about, and forget old signals."""
    assert job.tenant_id is not None, "plays are a company's"
    await acting.run(job.tenant_id, now=now)
    await signals.forget(job.tenant_id, now=now)


async def escalate_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(ESCALATE, await partners.tenant_ids(), now=now)


async def play_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(PLAY, await partners.tenant_ids(), now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    ESCALATE: escalate,
    PLAY: play,
    "tasks.written": restart,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {
    ESCALATE: Planned(Every(timedelta(minutes=5)), escalate_everywhere),
    PLAY: Planned(Daily(time(8)), play_everywhere),
}
"""By name, what comes round."""
