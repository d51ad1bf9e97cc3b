"""Work for later, written in the transaction that causes it.

A worker claims, does and completes it.

A job is done at least once: handlers are idempotent. A claim is a lease with a fencing number,
so that a worker that froze cannot complete what another has taken over.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from server.kit import db, ids

LEASE: Final = timedelta(seconds=60)
"""How long a claimed job is left to its worker before another may take it."""
ATTEMPTS_MAX: Final = 10
"""After so many failures a job is parked for a person to look at.

After three times as many claims too: it may end each worker that takes it.
"""

_ADD = """
INSERT INTO outbox (id, tenant_id, topic, payload, dedupe_key, run_at, added_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
ON CONFLICT DO NOTHING
"""
_CLAIM = """
UPDATE outbox
SET lease = lease + 1, leased_until = $1::timestamptz + $2::interval, dedupe_key = NULL
WHERE id IN (
    SELECT id FROM outbox
    WHERE run_at <= $1 AND (leased_until IS NULL OR leased_until < $1)
        AND attempts < $3 AND lease < 3 * $3
    ORDER BY run_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
)
RETURNING id, tenant_id, topic, payload, attempts, lease
"""
_COMPLETE = "DELETE FROM outbox WHERE id = $1 AND lease = $2"
_HOLD = """
UPDATE outbox SET leased_until = $3::timestamptz + $4::interval WHERE id = $1 AND lease = $2
"""
_FAIL = """
UPDATE outbox SET attempts = attempts + 1, leased_until = NULL, run_at = $3, last_error = $4
WHERE id = $1 AND lease = $2
"""
# What failed runs again within the longest pause; so the index of what is due leads to it.
_WAITED_FOR = """
SELECT EXISTS (
    SELECT FROM outbox
    WHERE topic = $1 AND added_at < $2 AND run_at <= $3 AND attempts < $4 AND lease < 3 * $4
        AND payload @> $5::jsonb
)
"""
_PAUSE_MAX_S = 600


class Job(msgspec.Struct, frozen=True):
    """A claimed piece of work. `lease` fences off an earlier worker."""

    id: UUID
    tenant_id: UUID | None
    topic: str
    payload: dict[str, Any]
    attempts: int
    lease: int


async def add(
    topic: str,
    payload: dict[str, Any],
    *,
    tenant_id: UUID | None,
    now: datetime,
    key: str | None = None,
    run_at: datetime | None = None,
) -> None:
    """Leave work for the worker, in the open transaction.

    :param key: while a job with this key waits unclaimed, another one with it is not added.
    """
    statement, values = adding(topic, payload, tenant_id=tenant_id, now=now, key=key, run_at=run_at)
    await db.connection().execute(statement, *values)


def adding(
    topic: str,
    payload: dict[str, Any],
    *,
    tenant_id: UUID | None,
    now: datetime,
    key: str | None = None,
    run_at: datetime | None = None,
) -> tuple[str, tuple[Any, ...]]:
    """Give what `add` does as a statement and its values, to be a part of a larger one."""
    text = msgspec.json.encode(payload).decode()
    return _ADD, (ids.new_id(now), tenant_id, topic, text, key, run_at or now, now)


async def add_for_each(topic: str, tenant_ids: Iterable[UUID], *, now: datetime) -> None:
    """Leave the same work for each company, where none waits unclaimed; from the schedule."""
    async with db.job_transaction():
        for tenant_id in tenant_ids:
            await add(topic, {}, tenant_id=tenant_id, now=now, key=f"{topic}:{tenant_id}")


async def claim(*, now: datetime, limit: int) -> list[Job]:
    """Take up to `limit` due jobs under a lease."""
    async with db.job_transaction():
        rows = await db.connection().fetch(_CLAIM, now, LEASE, ATTEMPTS_MAX, limit)
    return [
        Job(
            id=row["id"],
            tenant_id=row["tenant_id"],
            topic=row["topic"],
            payload=msgspec.json.decode(row["payload"]),
            attempts=row["attempts"],
            lease=row["lease"],
        )
        for row in rows
    ]


async def complete(job: Job) -> None:
    """Remove a job that is done, unless another worker has taken it over."""
    async with db.job_transaction():
        await db.connection().execute(_COMPLETE, job.id, job.lease)


async def hold(job: Job, *, now: datetime) -> None:
    """Keep the lease of a job that takes long, unless another worker has taken it over."""
    async with db.job_transaction():
        await db.connection().execute(_HOLD, job.id, job.lease, now, LEASE)


async def fail(job: Job, error: str, *, now: datetime) -> None:
    """Put a job back with a growing pause; after `ATTEMPTS_MAX` failures it stays parked."""
    pause = timedelta(seconds=min(2**job.attempts, _PAUSE_MAX_S))
    async with db.job_transaction():
        await db.connection().execute(_FAIL, job.id, job.lease, now + pause, error[:500])


async def is_waited_for(
    topic: str, *, before: datetime, now: datetime, about: Mapping[str, Any] | None = None
) -> bool:
    """Say, in an open transaction of the worker, whether work left before a moment is still to do.

    What is parked is for a person to look at; nobody waits for it.

    :param about: what its payload has to say; without it any work of the topic.
    """
    told = msgspec.json.encode(about or {}).decode()
    values = topic, before, now + timedelta(seconds=_PAUSE_MAX_S), ATTEMPTS_MAX, told
    return bool(await db.connection().fetchval(_WAITED_FOR, *values))


async def pending() -> int:
    """Count the jobs that wait, for the metrics."""
    async with db.job_transaction():
        count = await db.connection().fetchval(
            "SELECT count(*) FROM outbox WHERE attempts < $1", ATTEMPTS_MAX
        )
    return int(count)
