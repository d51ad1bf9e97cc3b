"""The worker's part of registrations, done in this process at a moment that is given.

So the thirty days in which registrations are gathered go by at once, in schedules, in the journey
and in the demo.
"""

from datetime import datetime
from typing import Final

import msgspec

from server.kit import db, outbox
from server.registrations import jobs

_DUE: Final = """
SELECT id, tenant_id, topic, payload, attempts, lease, run_at FROM outbox
WHERE (topic LIKE 'registrations.%' OR topic = 'customers.deleted') AND run_at <= $1
ORDER BY run_at, id
"""


class Due(msgspec.Struct, frozen=True):
    """Work, and since when it is due."""

    job: outbox.Job
    run_at: datetime


async def due(now: datetime) -> list[Due]:
    """Give what is due at a moment, the oldest first."""
    async with db.job_transaction():
        rows = await db.connection().fetch(_DUE, now)
    return [
        Due(
            outbox.Job(
                id=row["id"],
                tenant_id=row["tenant_id"],
                topic=row["topic"],
                payload=msgspec.json.decode(row["payload"]),
                attempts=row["attempts"],
                lease=row["lease"],
            ),
            row["run_at"],
        )
        for row in rows
    ]


async def do(job: outbox.Job, now: datetime) -> Exception | None:
    """Do a job as the worker does: what fails is tried again later, and answered."""
    try:
        await jobs.HANDLERS[job.topic](job, now)
    # Whatever it is, a worker goes on.
    except Exception as error:  # noqa: BLE001 - see above
        await outbox.fail(job, str(error), now=now)
        return error
    await outbox.complete(job)
    return None


async def work_until(now: datetime) -> None:
    """Do everything up to a moment, each piece at the moment at which it is due.

    :raises Exception: whatever a piece of work raised that was tried often enough.
    """
    while left := await due(now):
        job = left[0].job
        error = await do(job, left[0].run_at)
        if error is not None and job.attempts + 1 >= outbox.ATTEMPTS_MAX:
            raise error
