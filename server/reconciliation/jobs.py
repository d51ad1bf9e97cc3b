"""What the outbox starts: files are read and compared, and an agent's owners are told of them.

The schedule ends the files with which no job goes on.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.reconciliation import queries as books
from server.access import Role
from server.identity import queries as identity
from server.kit import db, outbox
from server.kit.schedule import Every, Planned
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.reconciliation import service

_KINDS: Final[Mapping[str, Kind]] = {
    "compared": Kind.FILE_COMPARED,
    "failed": Kind.FILE_FAILED,
    "taken_back": Kind.FILE_TAKEN_BACK,
    "asked": Kind.DIFFERENCE_ASKED,
}
"""By how a word's key begins, what the owners are told."""


async def read(job: outbox.Job, now: datetime) -> None:
    """Go on with a file."""
    await service.go_on(UUID(job.payload["file_id"]), now=now)


async def give_up_lost(now: datetime) -> None:
    """End files whose jobs have failed too often."""
    await service.give_up_lost(now=now)


async def tell(job: outbox.Job, now: datetime) -> None:
    """Tell the owners of a company what happened to one of its files; each is told once."""
    assert job.tenant_id is not None, "a file is an agent's"
    key = job.payload["key"]
    async with db.tenant_transaction(job.tenant_id):
        held = await books.file(UUID(job.payload["id"]))
        people = await identity.staff(job.tenant_id)
        await notifications.tell(
            job.tenant_id,
            [each.id for each in people if each.role is Role.AGENT_OWNER],
            _KINDS[key.partition(":")[0]],
            key=f"recon:{key}",
            subject=f"{held.period:%Y-%m} {held.file_name}",
            page="/reconciliation/files",
            subject_id=held.id,
            now=now,
        )


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.TOPIC: read,
    service.TOLD: tell,
}
"""By topic, what is done with a job."""
LIMITS_S: Final[Mapping[str, float]] = {service.TOPIC: 240.0}
"""By topic, how long a job may take: both sides of a large file are matched in one."""
SCHEDULE: Final = {"reconciliation.lost": Planned(Every(timedelta(minutes=5)), give_up_lost)}
"""By name, what comes round."""
