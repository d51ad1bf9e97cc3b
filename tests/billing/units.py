"""Short ways for tests to what devices hold: lease, promise, give back, sweep."""

from datetime import datetime
from uuid import UUID

from billing.escrow import queries, rules
from billing.escrow import service as escrow
from billing.escrow.schemas import Ask, Lease, Promise
from billing.money import Money
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR, Program
from tests.factories import NOW, new_id

AMOUNT = 100
UNTIL = rules.leased_until(NOW, None)
OVER = UNTIL + rules.GRACE


def ask(program: Program, agent_id: UUID, device_id: UUID, count: int) -> Ask:
    """Write what a device wishes for; whoever has it is called as it is."""
    return Ask(
        agent_id=agent_id,
        program_id=program.id,
        person_id=device_id,
        device_id=device_id,
        count=count,
        amount=Money(AMOUNT, "CNY"),
        until=UNTIL,
    )


async def lease(wish: Ask, *, now: datetime = NOW) -> Lease:
    """Let a device hold units; none gives back what it holds."""

    async def attempt() -> Lease:
        async with db.tenant_transaction(wish.agent_id):
            if not wish.count:
                return await escrow.give_back(wish, now=now)
            made = [new_id() for _ in range(rules.UNITS_MAX)]
            return await escrow.lease(wish, unit_ids=made, group_id=new_id(), now=now)

    return await books.patiently(attempt)


async def promise(
    program: Program,
    agent_id: UUID,
    person_id: UUID,
    unit_id: UUID,
    *,
    customer: str | None = None,
    key: UUID | None = None,
) -> bool:
    """Let what somebody promised arrive."""
    promised = Promise(
        unit_id=unit_id,
        key=key or new_id(),
        agent_id=agent_id,
        program_id=program.id,
        person_id=person_id,
        customer_token=customer or new_id().hex,
        limit_per_customer=program.limit_per_customer,
        expires_at=None,
    )

    async def attempt() -> bool:
        async with db.tenant_transaction(agent_id):
            return await escrow.keep(promised, now=NOW)

    return await books.patiently(attempt)


async def release(now: datetime) -> int:
    """Sweep."""

    async def attempt() -> int:
        async with db.platform_transaction(OPERATOR):
            return await escrow.release(
                transfer_ids=[new_id() for _ in range(100)],
                owner_id=PLATFORM_TENANT,
                actor_id=OPERATOR.user_id,
                now=now,
            )

    return await books.patiently(attempt)


async def sweep(now: datetime) -> None:
    """Sweep until nothing is left to release, of other tests neither."""
    while await release(now):
        pass


async def own_program(agent_id: UUID, units: int, *, limit_per_customer: int = 1) -> Program:
    """Give an agent an allocation of so many benefits."""
    program = await books.make_program(units * AMOUNT, limit_per_customer=limit_per_customer)
    await books.allocate(program, agent_id, units * AMOUNT)
    return program


async def contradictions() -> list[str]:
    """Look through the units."""
    async with db.platform_transaction(OPERATOR):
        return [each.subject for each in await queries.contradictions()]
