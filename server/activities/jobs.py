"""Work that the outbox and the schedule bring: visits are judged, opt-outs are heeded."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time
from typing import Final

from server.activities import service
from server.customers.opt_outs.service import CHANGED
from server.kit import outbox
from server.kit.schedule import Daily, Planned
from server.partners import queries as partners


async def judge_visits(job: outbox.Job, now: datetime) -> None:
    """Judge visits that were written."""
    assert job.tenant_id is not None, "a visit is a company's"
    await service.judge_visits(job.tenant_id, job.payload["ids"], now=now)


async def judge_photographed(job: outbox.Job, now: datetime) -> None:
    """Judge the visits of photos that were written."""
    assert job.tenant_id is not None, "an attachment is a company's"
    await service.judge_photographed(job.tenant_id, job.payload["ids"], now=now)


async def heed_opt_outs(job: outbox.Job, now: datetime) -> None:
    """Look whether somebody asked in a call not to be called again."""
    assert job.tenant_id is not None, "a call is a company's"
    await service.heed_opt_outs(job.tenant_id, job.payload["ids"], now=now)


async def refresh_bans(job: outbox.Job, now: datetime) -> None:
    """Tell a company's devices which phones nobody may call."""
    assert job.tenant_id is not None, "phones are a company's"
    await service.refresh_bans(job.tenant_id, now=now)


async def refresh_everywhere(now: datetime) -> None:
    """Leave work for each company."""
    await outbox.add_for_each(BANS, await partners.tenant_ids(), now=now)


BANS: Final = "calls.bans"
HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    "visits.written": judge_visits,
    "attachments.written": judge_photographed,
    "calls.written": heed_opt_outs,
    BANS: refresh_bans,
    CHANGED: refresh_bans,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {BANS: Planned(Daily(time(6)), refresh_everywhere)}
"""By name, what comes round."""
