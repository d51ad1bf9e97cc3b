"""A company leaves: all that was its own has one successor, whenever the worker was killed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from server.access import Actor
from server.audit import queries as audit
from server.benefits import queries as benefits
from server.customers import queries as customers
from server.customers.schemas import Filters
from server.exits import queries, service
from server.exits.rules import Fate, FateImpossible, Kind, PlanChanged
from server.exits.schemas import Choice, NewConsent, Plan, Seen
from server.exits.service import handing
from server.kit import db
from server.kit.errors import Forbidden, NotFound
from server.partners import service as partners
from server.partners.rules.exits import ExitState, SuccessorWrong
from server.partners.schemas import NewExit
from server.registrations import queries as registrations
from server.registrations.queries.registrations import Filters as Held
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.benefits import stories
from tests.server.registrations import stories as registering

OPERATOR = make_platform_actor()
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

    async def consent(self, customer_id: UUID, heir: UUID | None, by: Actor | None = None) -> None:
        """Let the owner write down what a customer has said."""
        new = NewConsent(customer_id=customer_id, successor_id=heir, said="微信确认")
        await service.record_consent(by or self.leaver.owner, new, now=SETTLED)

    async def carry_out(self, seen: Plan) -> None:
        """Begin to carry a plan out."""
        agent = self.leaver.tenant_id
        await service.carry_out(OPERATOR, agent, Seen(hash=seen.hash), now=SETTLED)

    async def work(self) -> None:
        """Do portion after portion to the end, and let the records follow."""
        while await service.carry(self.leaver.tenant_id, self.exit_id, now=SETTLED):
            pass
        await registering.work(SETTLED)


@pytest.fixture
async def leaving(tenant: Tenant) -> Leaving:
    """A company that leaves."""
    story = Leaving(tenant, await make_tenant())
    await story.open()
    return story


def told(plan: Plan) -> set[tuple[Kind, Fate, int]]:
    """Say how many of each kind become what."""
    return {(each.kind, each.fate, each.count) for each in plan.totals}


async def test_m14_all_that_is_a_leavers_has_one_successor_also_after_a_crash(
    leaving: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, staying, _ = leaving.customers
    heir = leaving.heir
    await leaving.consent(going, heir.tenant_id)
    seen = await leaving.plan()
    await leaving.carry_out(seen)

    class Killed(BaseException):
        """The process is gone."""

    def dying(step: str) -> Callable[..., Awaitable[None]]:
        """Do all of a step and die before it is marked as done."""
        does = getattr(handing, step)

        async def dies(row: object, *, now: datetime) -> None:
            await does(row, now=now)
            raise Killed

        return dies

    for step in ("hand", "pass_on", "transfer"):
        with monkeypatch.context() as broken:
            broken.setattr(handing, step, dying(step))
            with pytest.raises(Killed):
                await service.carry(leaving.leaver.tenant_id, leaving.exit_id, now=SETTLED)
    late = await registering.make_shop(leaving.leaver.rep, registering.new_phone())
    await leaving.work()

    done = await queries.own(leaving.leaver.owner)
    assert done.exit.state is ExitState.DONE
    assert (done.done, done.count) == (seen.count + 1, seen.count + 1)
    assert told(done) == {
        (Kind.CUSTOMER, Fate.HANDED, 1),
        (Kind.CUSTOMER, Fate.KEPT, 3),
        (Kind.REGISTRATION, Fate.PASSED, 1),
        (Kind.REGISTRATION, Fate.RELEASED, 2),
        (Kind.BENEFIT, Fate.TRANSFERRED, 1),
        (Kind.BENEFIT, Fate.STAYS, 2),
    }
    [received] = (await customers.list_page(heir.owner, Filters())).items
    card = await customers.one(leaving.leaver.owner, going)
    assert (received.name, received.phone) == (card.name, card.phone)
    [theirs] = (await registrations.list_page(heir.owner, Held(), now=SETTLED)).items
    ours = await registering.seen(leaving.leaver.owner, leaving.registrations[0], now=SETTLED)
    assert (theirs.state, ours.state) == (State.GRANTED, State.RELEASED)
    books = await benefits.program(OPERATOR, leaving.program_id)
    assert books.held_minor == 3 * stories.AMOUNT
    assert (await customers.one(leaving.leaver.owner, late)).name
    assert (await customers.one(leaving.leaver.owner, staying)).name


async def test_m14_a_plan_that_was_not_looked_at_is_not_carried_out(leaving: Leaving) -> None:
    first = await leaving.plan()
    await leaving.consent(leaving.customers[0], leaving.heir.tenant_id)
    await leaving.plan(minutes=2)

    with pytest.raises(PlanChanged):
        await leaving.carry_out(first)


async def test_m14_the_operator_chooses_and_the_platform_sees_no_customer(
    leaving: Leaving,
) -> None:
    plan, agent = await leaving.plan(), leaving.leaver.tenant_id
    refs = {each.kind: each.ref for each in plan.rows}

    async def choose(kind: Kind, fate: Fate) -> Plan:
        choice = Choice(kind=kind, ref=refs[kind], fate=fate)
        return await service.choose(OPERATOR, agent, choice, now=SETTLED)

    with pytest.raises(FateImpossible):
        await choose(Kind.CUSTOMER, Fate.HANDED)
    chosen = await choose(Kind.BENEFIT, Fate.REVOKED)
    assert (Kind.BENEFIT, Fate.REVOKED, 1) in told(chosen)
    again = await leaving.plan(minutes=2)
    assert again.hash == chosen.hash
    await leaving.carry_out(again)
    await leaving.work()

    books = await benefits.program(OPERATOR, leaving.program_id)
    assert books.held_minor == 2 * stories.AMOUNT
    shown = msgspec.json.encode(plan).decode()
    assert not any(str(each) in shown for each in leaving.customers)
    assert "exit.plan" in {
        line.what for line in (await audit.platform_reads(leaving.leaver.owner)).items
    }


async def test_m14_names_travel_by_the_owners_word_alone(leaving: Leaving) -> None:
    one, heir = leaving.customers[0], leaving.heir.tenant_id
    with pytest.raises(Forbidden):
        await leaving.consent(one, heir, by=leaving.leaver.manager)
    with pytest.raises(SuccessorWrong):
        await leaving.consent(one, new_id())
    with pytest.raises(NotFound):
        await leaving.consent(new_id(), heir)
    await leaving.consent(one, heir)
    await leaving.consent(one, None)

    assert (Kind.CUSTOMER, Fate.KEPT, 3) in told(await leaving.plan())


@pytest.mark.parametrize(
    ("column", "table"), [("customer_id", "exit_item"), ("token_key", "agent_exit")]
)
async def test_m14_the_platforms_role_may_not_read_which_customer_it_is(
    database: object, column: str, table: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.platform_transaction(OPERATOR):
            await db.connection().fetch(f"SELECT {column} FROM {table}")
