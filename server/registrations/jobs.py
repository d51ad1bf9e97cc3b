"""What the outbox and the schedule start: registrations arrive, are settled, end."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.changelog.postgres import ENDED
from server.kit import outbox
from server.kit.schedule import Every, Planned
from server.registrations import service
from server.registrations.service import (
    asking,
    cases,
    checking,
    disputes,
    entries,
    house,
    protection,
    registry,
    rulebook,
)

SWEEP: Final = "registrations.sweep"


async def admit(job: outbox.Job, now: datetime) -> None:
    """Take what has arrived into the registry."""
    await registry.admit(msgspec.convert(job.payload, registry.Arrival), now=now)


async def settle(job: outbox.Job, now: datetime) -> None:
    """Decide what came in within a window."""
    await registry.settle(UUID(job.payload["id"]), now=now)


async def extend(job: outbox.Job, now: datetime) -> None:
    """Protect for longer."""
    told = job.payload
    until = datetime.fromisoformat(told["until"])
    await protection.extend(UUID(told["id"]), until=until, number=told["number"], now=now)


async def release(job: outbox.Job, now: datetime) -> None:
    """Let a customer go."""
    told = job.payload
    of = UUID(told["tenant_id"]) if "tenant_id" in told else None
    await protection.release(UUID(told["id"]), of=of, asked_at=_asked_at(job, now), now=now)


async def contest(job: outbox.Job, now: datetime) -> None:
    """Open a case."""
    await registry.contest(UUID(job.payload["id"]), asked_at=_asked_at(job, now), now=now)


def _asked_at(job: outbox.Job, now: datetime) -> datetime:
    """Give when an agent asked for what the worker does now."""
    told = job.payload
    return datetime.fromisoformat(told["asked_at"]) if "asked_at" in told else now


async def convert(job: outbox.Job, now: datetime) -> None:
    """Protect who has signed, or no longer for that."""
    last = job.payload["until"]
    until = None if last is None else datetime.fromisoformat(last)
    await protection.convert(UUID(job.payload["id"]), until=until, now=now)


async def mirror(job: outbox.Job, now: datetime) -> None:
    """Let an agent's record follow."""
    assert job.tenant_id is not None, "a record is a company's"
    await service.mirror(job.tenant_id, UUID(job.payload["id"]), now=now)


async def warn(job: outbox.Job, now: datetime) -> None:
    """Tell of a protection that ends soon."""
    assert job.tenant_id is not None, "a record is a company's"
    await service.warn(job.tenant_id, UUID(job.payload["id"]), job.payload["days"], now=now)


async def hear_of_contracts(job: outbox.Job, now: datetime) -> None:
    """Convert what has signed."""
    assert job.tenant_id is not None, "contracts are a company's"
    await service.convert(job.tenant_id, [UUID(each) for each in job.payload["ids"]], now=now)


async def hear_of_deleted(job: outbox.Job, now: datetime) -> None:
    """Give deleted customers back."""
    assert job.tenant_id is not None, "records are a company's"
    deleted = [UUID(each) for each in job.payload["ids"]]
    await service.give_back_deleted(job.tenant_id, deleted, now=now)


async def add_evidence(job: outbox.Job, now: datetime) -> None:
    """Put what an agent has shown to its case."""
    told = job.payload
    await service.add_evidence(
        UUID(told["id"]),
        UUID(told["registration_id"]),
        kind=told["kind"],
        happened_at=datetime.fromisoformat(told["happened_at"]),
        is_vouched=told["is_vouched"],
        now=now,
    )


async def add_waiver(job: outbox.Job, now: datetime) -> None:
    """Note that a party brings no more evidence."""
    await service.add_waiver(UUID(job.payload["id"]), now=now)


async def decide_due(job: outbox.Job, now: datetime) -> None:
    """Let the rules decide what nobody has decided in time."""
    await service.decide_due(UUID(job.payload["id"]), now=now)


async def apply(job: outbox.Job, now: datetime) -> None:
    """Bring registrations to what an arbitrator has decided."""
    await service.apply(UUID(job.payload["id"]), now=now)


async def admit_bait(job: outbox.Job, now: datetime) -> None:
    """Let a customer that does not exist be somebody's."""
    told = job.payload
    entry_id, nobody = (UUID(each) for each in told["ids"])
    ends_at = datetime.fromisoformat(told["ends_at"])
    await registry.admit_bait(told["key"], (entry_id, nobody), ends_at=ends_at, now=now)


async def watch(job: outbox.Job, now: datetime) -> None:
    """Find out whether a check was for a customer that does not exist."""
    tenant_id = UUID(job.payload["tenant_id"])
    await service.watch(tenant_id, job.payload["keys"], job.id, now=now)


async def tell_of_contact(job: outbox.Job, now: datetime) -> None:
    """Leave a line with whose customer the platform has contacted."""
    await service.tell_of_contact(job.payload, now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    registry.ARRIVED: admit,
    entries.EXTENDED: extend,
    entries.RELEASED: release,
    asking.CONTESTED: contest,
    entries.CONVERTED: convert,
    registry.SETTLE: settle,
    entries.MOVED: mirror,
    protection.WARNED: warn,
    disputes.DUE: decide_due,
    cases.SHOWN: add_evidence,
    cases.WAIVED: add_waiver,
    cases.RULED: apply,
    checking.CHECKED: watch,
    rulebook.BAITED: admit_bait,
    house.CONTACTED: tell_of_contact,
    "contracts.written": hear_of_contracts,
    ENDED: hear_of_deleted,
}
"""By topic, what the worker calls."""
SCHEDULE: Final = {
    SWEEP: Planned(Every(timedelta(minutes=10)), lambda now: protection.sweep(now=now))
}
"""By name, what comes round."""
