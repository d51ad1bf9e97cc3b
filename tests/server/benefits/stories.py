"""People and programs of the stories about benefits, made by the services."""

from datetime import datetime, timedelta
from uuid import UUID

from server.access import Actor
from server.benefits import service as benefits
from server.benefits.schemas import (
    BenefitView,
    NewAllocation,
    NewFunding,
    NewProgram,
    ProgramView,
    RequestBenefit,
)
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from tests.factories import NOW, Tenant, make_platform_actor, new_id

OPERATOR: Actor = make_platform_actor()
AMOUNT = 5_000
TOKEN_KEY = bytes(range(32))


async def make_program(
    benefits_funded: int = 10,
    *,
    opens_at: datetime = NOW - timedelta(days=1),
    closes_at: datetime | None = None,
    limit_per_customer: int = 1,
) -> ProgramView:
    """Open a program of vouchers worth 50 yuan, with money for so many of them."""
    new = NewProgram(
        id=new_id(),
        name="开春进货券",
        amount_minor=AMOUNT,
        opens_at=opens_at,
        closes_at=closes_at,
        limit_per_customer=limit_per_customer,
    )
    made = await benefits.create_program(OPERATOR, new, token_key=TOKEN_KEY, now=NOW)
    if not benefits_funded:
        return made
    return await fund(made.id, benefits_funded * AMOUNT)


async def fund(program_id: UUID, amount_minor: int, *, is_return: bool = False) -> ProgramView:
    """Put money into a program, or take it out."""
    new = NewFunding(id=new_id(), amount_minor=amount_minor, is_return=is_return)
    return await benefits.fund(OPERATOR, program_id, new, now=NOW)


async def allocate(
    program_id: UUID, agent_id: UUID, amount_minor: int, *, is_return: bool = False
) -> ProgramView:
    """Give an agent its own part of a program."""
    new = NewAllocation(
        id=new_id(), agent_id=agent_id, amount_minor=amount_minor, is_return=is_return
    )
    return await benefits.allocate(OPERATOR, program_id, new, now=NOW)


async def admit(tenant: Tenant) -> None:
    """Let the platform know an agent that exists already."""
    tenant_id = tenant.tenant_id
    owner = NewOwner(name="老板", login=f"boss{tenant_id.hex}")
    new = NewAgent(id=tenant_id, name=tenant.name, city="杭州", owner=owner)
    await partners.admit(OPERATOR, new, now=NOW)


async def make_customer(actor: Actor, name: str = "朝阳餐饮管理有限公司") -> UUID:
    """Let somebody add a customer."""
    saved = await customers.create(actor, NewCustomer(name=name), now=NOW)
    return saved.id


async def request(
    actor: Actor,
    customer_id: UUID,
    program_id: UUID,
    *,
    request_id: UUID | None = None,
    now: datetime = NOW,
) -> BenefitView:
    """Request a benefit for a customer."""
    asked = RequestBenefit(
        id=request_id or new_id(), customer_id=customer_id, program_id=program_id
    )
    return await benefits.request(actor, asked, now=now)
