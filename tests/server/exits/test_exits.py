"""A company leaves: all that was its own has one successor, whenever the worker was killed."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
import msgspec
import pytest

from server.audit import queries as audit
from server.benefits import queries as benefits
from server.customers import queries as customers
from server.customers.schemas import Filters
from server.exits import queries, service
from server.exits.rules import Fate, FateImpossible, Kind, PlanChanged
from server.exits.schemas import Choice, Plan, Thing
from server.exits.service import handing
from server.kit import db
from server.kit.errors import Forbidden, NotFound
from server.partners.rules.exits import ExitState, SuccessorWrong
from server.registrations import queries as registrations
from server.registrations.queries.registrations import Filters as Held
from sync_protocol.registering import State
from tests.factories import new_id
from tests.server.benefits import stories
from tests.server.exits.stories import OPERATOR, SETTLED, Leaving, told
from tests.server.registrations import stories as registering


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
        choice = Choice(things=[Thing(kind, refs[kind])], fate=fate)
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
