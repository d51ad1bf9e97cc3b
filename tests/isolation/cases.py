"""Service cases of the two companies that must never meet."""

from uuid import UUID

from server.cases import queries, service
from server.cases.rules import Targets
from server.cases.schemas import NewCase, NewComment, SetTargets
from server.kit import clock
from tests.factories import Tenant


async def new_case(tenant: Tenant, name: str, customer_id: UUID) -> UUID:
    """Note down a case about which something was said, with a text in every field."""
    now = clock.now()
    new = NewCase(customer_id=customer_id, subject=name, detail=f"{name}的情况", severity="high")
    case = (await service.create(tenant.rep, new, now=now)).id
    held = await queries.targets(tenant.owner, now=now)
    if not held.versions:
        asked = SetTargets(targets=Targets(), base=0)
        await service.set_targets(tenant.owner, asked, now=now)
    await service.comment(tenant.rep, case, NewComment(text=f"{name}的说明"), now=now)
    return case
