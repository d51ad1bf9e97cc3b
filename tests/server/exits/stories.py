"""A company that leaves, as the stories about exits begin."""

from datetime import timedelta
from uuid import UUID

from server.access import Actor
from server.benefits import queries as benefits
from server.benefits.rules import BenefitState
from server.benefits.schemas import BenefitFilters
from server.customers import queries as customers
from server.customers.schemas import Filters
from server.exits import queries, service
from server.exits.rules import Carries, Fate, Kind
from server.exits.schemas import NewConsents, Plan, Seen
from server.partners import service as partners
from server.partners.schemas import NewExit
from server.registrations import queries as registrations
from server.registrations.queries.registrations import Filters as Held
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories
from tests.server.registrations import stories as registering

OPERATOR = make_platform_actor()
TRAIL = "SELECT detail FROM audit_entry WHERE action = $1"
WAITS = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
)
"""
"""Whether somebody waits for what this transaction holds."""
SETTLED = NOW + timedelta(days=31)
"""When what was registered at `NOW` is protected."""
LAST_DAY = SETTLED.date() + timedelta(days=3)


class Leaving:
    """A company with three customers: each registered, each with a benefit; one names an heir."""

    def __init__(self, leaver: Tenant, heir: Tenant) -> None:
        self.leaver, self.heir = leaver, heir
        self.customers: list[UUID] = []
        self.registrations: list[UUID] = []
        self.exit_id = new_id()

    async def open(self) -> None:
        """Work for a month, then leave."""
        program = await stories.make_program(9)
        self.program_id = program.id
        for tenant in (self.leaver, self.heir):
            await stories.admit(tenant)
        for _ in range(3):
            shop = await registering.make_shop(self.leaver.rep, registering.new_phone())
            self.customers.append(shop)
            self.registrations.append(await registering.register(self.leaver.rep, customer_id=shop))
            await stories.request(self.leaver.rep, shop, program.id)
        await registering.work()
        await registering.work(SETTLED)
        new = NewExit(
            id=self.exit_id,
            reason="合作到期",
            last_day=LAST_DAY,
            successor_ids=[self.heir.tenant_id],
        )
        agent = self.leaver.tenant_id
        await partners.open_exit(OPERATOR, agent, new, token_key=bytes(32), now=SETTLED)

    async def plan(self, *, minutes: int = 1) -> Plan:
        """Draw the plan up and look at it."""
        at = SETTLED + timedelta(minutes=minutes)
        await service.draw(self.leaver.tenant_id, self.exit_id, now=at)
        return await queries.plan(OPERATOR, self.leaver.tenant_id, now=at)

    async def consent(
        self,
        customer_id: UUID,
        heir: UUID | None,
        by: Actor | None = None,
        carries: Carries = Carries.CARD,
    ) -> None:
        """Let the owner write down what a customer has said."""
        new = NewConsents(
            customer_ids=[customer_id], successor_id=heir, carries=carries, said="微信确认"
        )
        await service.record_consents(by or self.leaver.owner, new, now=SETTLED)

    async def carry_out(self, seen: Plan) -> None:
        """Begin to carry a plan out."""
        agent = self.leaver.tenant_id
        await service.carry_out(OPERATOR, agent, Seen(hash=seen.hash), now=SETTLED)

    async def work(self) -> None:
        """Do portion after portion to the end, and let the records follow."""
        while await service.carry(self.leaver.tenant_id, self.exit_id, now=SETTLED):
            pass
        await registering.work(SETTLED)


def told(plan: Plan) -> set[tuple[Kind, Fate, int]]:
    """Say how many of each kind become what."""
    return {(each.kind, each.fate, each.count) for each in plan.totals}


async def received(heir: Tenant) -> tuple[int, int, int]:
    """Count what a successor has: customers, registrations, benefits."""
    found = (
        await customers.list_page(heir.owner, Filters()),
        await registrations.list_page(heir.owner, Held(), now=SETTLED),
        await benefits.benefits(heir.owner, BenefitFilters(state=BenefitState.ISSUED)),
    )
    return tuple(len(each.items) for each in found)  # type: ignore[return-value]  # three of them
