"""What the outbox starts: an agent's owners are told of their statements."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.statements import queries as books
from server.access import Role
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


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.TOLD: tell,
}
"""By topic, what is done with a job."""
