"""Work that comes round: named jobs with the time when each is due next.

A room's `jobs.py` has `SCHEDULE`: name -> `Planned`. Several workers run each job once: a claim is
a lease with a fencing number, as in the outbox. However many times were missed while no worker ran,
a job runs once, and then at its usual times. A job that fails is tried again with a growing pause.

What takes long does not belong into such a job: it leaves work in the outbox, for each tenant.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from server.kit import db

LEASE: Final = timedelta(seconds=60)
"""How long a claimed job is left to its worker before another may take it."""
ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Where the platform's days begin."""
PAUSE_MAX_S: Final = 600

_PLAN: Final = """
INSERT INTO schedule (name, due_at) SELECT * FROM UNNEST($1::text[], $2::timestamptz[])
ON CONFLICT (name) DO UPDATE SET due_at = least(schedule.due_at, EXCLUDED.due_at)
"""
_CLAIM: Final = """
UPDATE schedule SET lease = lease + 1, leased_until = $1::timestamptz + $2::interval
WHERE name IN (
    SELECT name FROM schedule
    WHERE name = ANY($3::text[]) AND due_at <= $1 AND (leased_until IS NULL OR leased_until < $1)
    ORDER BY due_at, name FOR UPDATE SKIP LOCKED
)
RETURNING name, lease, failures
"""
_FINISH: Final = """
UPDATE schedule
SET due_at = $3, leased_until = NULL, done_at = $4, failures = 0, last_error = NULL
WHERE name = $1 AND lease = $2
"""
_FAIL: Final = """
UPDATE schedule SET due_at = $3, leased_until = NULL, failures = failures + 1, last_error = $4
WHERE name = $1 AND lease = $2
"""


class Every(msgspec.Struct, frozen=True):
    """Again and again, on the marks of a period that are counted from midnight UTC."""

    period: timedelta

    def after(self, moment: datetime) -> datetime:
        """Give the first mark behind a moment."""
        start = datetime(1970, 1, 1, tzinfo=UTC)
        return start + ((moment - start) // self.period + 1) * self.period


class Daily(msgspec.Struct, frozen=True):
    """Once a day, at a time of the platform's clocks."""

    at: time

    def after(self, moment: datetime) -> datetime:
        """Give the first such time behind a moment."""
        day = moment.astimezone(ZONE).date()
        for date in (day, day + timedelta(days=1)):
            due = datetime.combine(date, self.at, ZONE).astimezone(UTC)
            if due > moment:
                return due
        raise AssertionError("tomorrow's time lies behind today's")


class Planned(msgspec.Struct, frozen=True):
    """When a job is done, and what does it: `async def sweep(now)`.

    It may run again after a crash, so it must not mind.
    """

    when: Every | Daily
    run: Callable[[datetime], Awaitable[None]]


class Due(msgspec.Struct, frozen=True):
    """A claimed job. `lease` fences off an earlier worker."""

    name: str
    lease: int
    failures: int


async def plan(jobs: Mapping[str, Planned], *, now: datetime) -> None:
    """Note when each job is due first, when it is new, or sooner than it was planned before."""
    async with db.job_transaction():
        await db.connection().execute(
            _PLAN, list(jobs), [job.when.after(now) for job in jobs.values()]
        )


async def claim(names: Iterable[str], *, now: datetime) -> list[Due]:
    """Take what is due of these jobs under a lease."""
    async with db.job_transaction():
        rows = await db.connection().fetch(_CLAIM, now, LEASE, list(names))
    return [Due(**dict(row)) for row in rows]


async def finish(due: Due, planned: Planned, *, now: datetime) -> None:
    """Note that a job is done, and when it is due again."""
    async with db.job_transaction():
        await db.connection().execute(_FINISH, due.name, due.lease, planned.when.after(now), now)


async def fail(due: Due, error: str, *, now: datetime) -> None:
    """Put a failed job off by a growing pause."""
    pause = timedelta(seconds=min(2**due.failures, PAUSE_MAX_S))
    async with db.job_transaction():
        await db.connection().execute(_FAIL, due.name, due.lease, now + pause, error[:500])
