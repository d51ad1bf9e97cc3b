"""What the outbox starts: owners are told of their statements, finance of disputes about them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.statements import queries as books
from server.access import PLATFORM_TENANT, Role
from server.identity import queries as identity
from server.kit import db, outbox
from server.notifications import service as notifications
from server.notifications.rules import Kind
from server.statements import queries, service


async def tell(job: outbox.Job, now: datetime) -> None:
    """Tell the owners of a company what happened to a statement; each is told once."""
    assert job.tenant_id is not None, "a statement is an agent's"
    key = job.payload["key"]
    kind = Kind.STATEMENT_DRAWN if key.startswith("drawn:") else Kind.STATEMENT_ANSWERED
    async with db.tenant_transaction(job.tenant_id):
        held = await books.statement(UUID(job.payload["id"]))
        people = await identity.staff(job.tenant_id)
        await notifications.tell(
            job.tenant_id,
            [each.id for each in people if each.role is Role.AGENT_OWNER],
            kind,
            key=key,
            subject=queries.month(held.period),
            page="/statements",
            subject_id=held.id,
            now=now,
        )


async def tell_finance(job: outbox.Job, now: datetime) -> None:
    """Tell the platform's finance that an agent disputes its statement; each is told once."""
    async with db.tenant_transaction(PLATFORM_TENANT):
        people = await identity.staff(PLATFORM_TENANT)
        await notifications.tell(
            PLATFORM_TENANT,
            [each.id for each in people if each.role is Role.PLATFORM_FINANCE],
            Kind.LINE_DISPUTED,
            key=job.payload["key"],
            subject=job.payload["about"],
            page="/console/statements",
            subject_id=UUID(job.payload["id"]),
            now=now,
        )


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.TOLD: tell,
    service.DISPUTED: tell_finance,
}
"""By topic, what is done with a job."""
