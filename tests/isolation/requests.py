"""Requests for help of the two companies that must never meet."""

from uuid import UUID

from server.kit import clock
from server.requests import service
from server.requests.schemas import Decide, NewRequest
from sync_protocol.helping import Verb
from tests.factories import Tenant


async def new_request(
    tenant: Tenant, name: str, customer_id: UUID, opportunity_id: UUID | None = None
) -> UUID:
    """Call up help, with a text in every field."""
    new = NewRequest(
        customer_id=customer_id,
        opportunity_id=opportunity_id,
        subject=name,
        detail=f"{name}的内部说明",
        # A name in it would be refused.
        briefing="要一份压测报告",
    )
    return (await service.create(tenant.rep, new, now=clock.now())).id


async def new_dispatch(tenant: Tenant, name: str, customer_id: UUID) -> UUID:
    """Call up help and send it to the platform; give the id under which it lies there."""
    request, now = await new_request(tenant, name, customer_id), clock.now()
    sent = await service.decide(tenant.manager, request, Decide(verb=Verb.DISPATCH), now=now)
    assert sent.dispatch_id is not None, "it was dispatched"
    return sent.dispatch_id
