"""What happens beside an exit that is carried out: to the plan, the successor and the customer."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid5

import asyncpg
import msgspec
import pytest

from server.activities import service as activities
from server.activities.schemas import Completion, NewTask, NewVisit
from server.benefits import queries as benefits
from server.benefits import service as issuing
from server.benefits.schemas import NewVoid
from server.customers import queries as customers
from server.customers import service as keeping
from server.customers.schemas import Filters, NewContact, NewNote, NewStore
from server.exits import queries, service
from server.exits.rules import Carries, ConsentTooLate, Fate, Kind, PlanChanged
from server.exits.schemas import NewConsents, Seen
from server.exits.service import carrying, handing, history
from server.kit import db
from server.kit.errors import NotFound
from server.partners import service as partners
from server.partners.rules.exits import ExitState, ExitUnderWay, SuccessorWrong
from server.partners.schemas import NewExit
from server.registrations import queries as registrations
from server.registrations.queries.registrations import Filters as Held
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_tenant, new_id
from tests.server.benefits import stories
from tests.server.exits.stories import (
    LAST_DAY,
    OPERATOR,
    SETTLED,
    TRAIL,
    WAITS,
    Leaving,
    received,
    told,
)
from tests.server.registrations import stories as registering

REVIEW = """
INSERT INTO benefit_review (
    issuance_id, agent_id, program_id, customer_token, person_id, signals, state, opened_at, due_at
) VALUES ($1, $2, $3, 'token', $4, '[]', 'waiting', $5, $5)
"""
ALL_STAY = {
    (Kind.CUSTOMER, Fate.KEPT, 3),
    (Kind.REGISTRATION, Fate.RELEASED, 3),
    (Kind.BENEFIT, Fate.STAYS, 3),
}


async def leave_too(tenant: Tenant) -> None:
    """Let a successor leave the channel itself."""
    new = NewExit(id=new_id(), reason="也退出", last_day=LAST_DAY)
    await partners.open_exit(OPERATOR, tenant.tenant_id, new, token_key=bytes(32), now=SETTLED)


async def test_m14_a_word_that_is_taken_back_changes_the_plan_that_was_looked_at(
    leaving: Leaving,
) -> None:
    """At once, and not when the worker has drawn it up anew."""
    going = leaving.customers[0]
    await leaving.consent(going, leaving.heir.tenant_id)
    seen = await leaving.plan()
    await leaving.consent(going, None)

    with pytest.raises(PlanChanged):
        await leaving.carry_out(seen)


async def test_m14_nothing_is_passed_on_of_a_customer_that_was_not_handed_over(
    leaving: Leaving,
) -> None:
    """The leaver deleted it after the plan was begun."""
    going = leaving.customers[0]
    await leaving.consent(going, leaving.heir.tenant_id)
    await leaving.carry_out(await leaving.plan())
    await keeping.delete(leaving.leaver.owner, going, base=None, now=SETTLED)
    await leaving.work()

    done = await queries.own(leaving.leaver.owner)
    assert (done.exit.state, told(done)) == (ExitState.DONE, ALL_STAY)
    assert await received(leaving.heir) == (0, 0, 0)


async def test_m14_who_leaves_itself_is_no_successor(leaving: Leaving) -> None:
    """Neither when the exit is opened, nor when a customer names it, nor when it is carried out."""
    heir = leaving.heir
    await leaving.consent(leaving.customers[0], heir.tenant_id)
    await leaving.carry_out(await leaving.plan())
    await leave_too(heir)
    await leaving.work()

    done = await queries.own(leaving.leaver.owner)
    assert (done.exit.state, told(done)) == (ExitState.DONE, ALL_STAY)
    assert await received(heir) == (0, 0, 0)


async def test_m14_nobody_who_leaves_is_named(leaving: Leaving) -> None:
    heir, third = leaving.heir, await make_tenant()
    await stories.admit(third)
    await leave_too(heir)
    new = NewExit(id=new_id(), reason="退出", last_day=LAST_DAY, successor_ids=[heir.tenant_id])

    with pytest.raises(SuccessorWrong):
        await partners.open_exit(OPERATOR, third.tenant_id, new, token_key=bytes(32), now=SETTLED)
    with pytest.raises(SuccessorWrong):
        await leaving.consent(leaving.customers[0], heir.tenant_id)


async def test_m14_a_successor_that_drops_a_customer_at_once_stops_nothing(
    leaving: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer is handed over; what was its own ends as it would without a successor."""
    going, heir = leaving.customers[0], leaving.heir
    await leaving.consent(going, heir.tenant_id)
    await leaving.carry_out(await leaving.plan())
    hand = handing.hand

    async def and_drop(row: dict[str, UUID], *, now: object) -> Fate:
        fate = await hand(row, now=SETTLED)
        if fate is Fate.HANDED:
            theirs = uuid5(leaving.exit_id, str(going))
            await keeping.delete(heir.owner, theirs, base=None, now=SETTLED)
        return fate

    monkeypatch.setattr(handing, "hand", and_drop)
    await leaving.work()

    done = await queries.own(leaving.leaver.owner)
    assert done.exit.state is ExitState.DONE
    assert told(done) == {
        (Kind.CUSTOMER, Fate.HANDED, 1),
        (Kind.CUSTOMER, Fate.KEPT, 2),
        (Kind.REGISTRATION, Fate.RELEASED, 3),
        (Kind.BENEFIT, Fate.STAYS, 3),
    }


async def test_m14_a_benefit_that_was_withdrawn_meanwhile_is_not_issued_anew(
    leaving: Leaving,
) -> None:
    going = leaving.customers[0]
    await leaving.consent(going, leaving.heir.tenant_id)
    seen = await leaving.plan()
    await leaving.carry_out(seen)
    [benefit] = [each.ref for each in seen.rows if each.fate is Fate.TRANSFERRED]
    await issuing.void(OPERATOR, benefit, NewVoid(id=new_id(), reason="发错了"), now=SETTLED)
    await leaving.work()

    assert (Kind.BENEFIT, Fate.REVOKED, 1) in told(await queries.own(leaving.leaver.owner))
    books = await benefits.program(OPERATOR, leaving.program_id)
    assert books.held_minor == 2 * stories.AMOUNT


async def test_m14_a_benefit_that_looks_like_fraud_does_not_get_away(leaving: Leaving) -> None:
    """Issued anew through the successor, nobody would look at it."""
    await leaving.consent(leaving.customers[0], leaving.heir.tenant_id)
    seen = await leaving.plan()
    await leaving.carry_out(seen)
    [benefit] = [each.ref for each in seen.rows if each.fate is Fate.TRANSFERRED]
    values = (benefit, leaving.leaver.tenant_id, leaving.program_id, new_id(), SETTLED)
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(REVIEW, *values)
    await leaving.work()

    assert (Kind.BENEFIT, Fate.STAYS, 3) in told(await queries.own(leaving.leaver.owner))
    assert await received(leaving.heir) == (1, 1, 0)


async def test_m14_what_is_carried_out_is_all_of_the_plan_and_nothing_beside_it(
    leaving: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that is drawn up while another is begun is waited for, and looked at again."""
    seen = await leaving.plan()
    await registering.make_shop(leaving.leaver.rep, registering.new_phone())
    held_rows, is_read = carrying._held_rows, asyncio.Event()

    async def draw() -> None:
        """Be the worker that draws the plan up, once an operator has read the old one."""
        await is_read.wait()
        again = SETTLED + timedelta(days=1)
        await service.draw(leaving.leaver.tenant_id, leaving.exit_id, now=again)

    drawn = asyncio.create_task(draw())

    async def and_draw(exit_id: UUID) -> list[object]:
        """Read the plan, and let it be drawn up anew before it is begun, if that may be."""
        rows = await held_rows(exit_id)
        is_read.set()
        while not drawn.done() and not await db.connection().fetchval(WAITS):
            await asyncio.sleep(0)
        return rows

    monkeypatch.setattr(carrying, "_held_rows", and_draw)
    await leaving.carry_out(seen)
    with pytest.raises(asyncpg.SerializationError):
        await drawn
    await leaving.work()

    done = await queries.own(leaving.leaver.owner)
    assert (done.exit.state, done.count) == (ExitState.DONE, seen.count + 1)


async def test_m14_two_operators_carry_one_plan_out_once(leaving: Leaving) -> None:
    seen = await leaving.plan()
    begun = [leaving.carry_out(seen) for _ in range(2)]

    answers = await asyncio.gather(*begun, return_exceptions=True)

    assert [type(each) for each in answers if each is not None] == [ExitUnderWay]


@pytest.mark.parametrize("rival_is_heir", [True, False])
async def test_m14_an_open_case_goes_on_against_the_successor(
    leaving: Leaving, *, rival_is_heir: bool
) -> None:
    """And where the successor itself had spoken against the leaver, it is protected, once."""
    heir = leaving.heir
    rival = heir if rival_is_heir else await make_tenant()
    dispute = registering.Dispute(leaving.leaver, rival)
    await dispute.begin()
    theirs = Filters(q=dispute.phone[-8:])
    [shop] = (await customers.list_page(leaving.leaver.owner, theirs)).items
    await leaving.consent(shop.id, heir.tenant_id)
    await leaving.carry_out(await leaving.plan())
    await leaving.work()

    [passed] = (await registrations.list_page(heir.owner, Held(is_live=True), now=SETTLED)).items
    assert passed.state is State.GRANTED
    ours = await registering.seen(leaving.leaver.owner, dispute.held, now=SETTLED)
    assert ours.state is State.RELEASED
    spoken = await registering.seen(rival.owner, dispute.claimed, now=SETTLED)
    assert spoken.state is (State.RELEASED if rival_is_heir else State.CONTESTED)
    assert spoken.case_id != dispute.case_id or rival_is_heir


async def test_m14_a_customers_history_goes_along_where_its_word_says_so(leaving: Leaving) -> None:
    """All that was noted and is still to be done, once; both trails say how much."""
    going, heir, rep = leaving.customers[0], leaving.heir, leaving.leaver.rep
    store = await keeping.add_store(rep, going, NewStore(name="二店"), now=NOW)
    person = NewContact(name="王经理", store_id=store.id, phone="+8613912345678")
    contact = await keeping.add_contact(rep, going, person, now=NOW)
    await keeping.add_note(rep, going, NewNote(body="要三楼的货梯"), now=NOW)
    seen_at = NOW - timedelta(days=1)
    visit = NewVisit(
        checked_in_at=seen_at, checked_out_at=seen_at, summary="看了样", next_step="报价"
    )
    await activities.add_visit(rep, going, visit, now=NOW)
    for title in ("送样", "已做完"):
        task = NewTask(title=title, due_at=SETTLED, contact_id=contact.id)
        made = await activities.add_task(rep, going, task, now=NOW)
    await activities.complete_task(rep, made.id, Completion(), now=NOW)
    await leaving.consent(going, heir.tenant_id, carries=Carries.HISTORY)
    await leaving.carry_out(await leaving.plan())
    await leaving.work()

    theirs = uuid5(leaving.exit_id, str(going))
    async with db.tenant_transaction(heir.tenant_id):
        found = await history.read(heir.tenant_id, theirs)
    async with db.tenant_transaction(leaving.leaver.tenant_id):
        left = await history.read(leaving.leaver.tenant_id, going)
    counts = {"stores": 1, "contacts": 1, "notes": 2, "tasks": 1}
    assert found.counts() == left.counts() == counts
    assert [each["body"] for each in found.notes] == ["拜访：看了样\n下一步：报价", "要三楼的货梯"]
    assert [each["written_at"] for each in found.notes] == [
        each["written_at"] for each in left.notes
    ]
    assert found.contacts[0]["store_id"] == found.stores[0]["id"]
    assert (found.tasks[0]["title"], found.tasks[0]["due_at"]) == ("送样", SETTLED)
    for tenant, action in ((leaving.leaver, "customer.handed"), (heir, "customer.received")):
        async with db.tenant_transaction(tenant.tenant_id):
            [line] = await db.connection().fetch(TRAIL, action)
        told = msgspec.json.decode(line["detail"])
        assert {name: told[name] for name in counts} == counts


async def test_m14_who_comes_back_begins_anew_and_may_leave_again(leaving: Leaving) -> None:
    """What was handed over stays where it is; a second exit has a plan of its own."""
    agent, going = leaving.leaver.tenant_id, leaving.customers[0]
    await leaving.consent(going, leaving.heir.tenant_id)
    await leaving.carry_out(await leaving.plan())
    with pytest.raises(ExitUnderWay):
        await partners.readmit(OPERATOR, agent, now=SETTLED)
    await leaving.work()
    for _ in range(2):
        back = await partners.readmit(OPERATOR, agent, now=SETTLED)
        assert back.state is ExitState.RETURNED
    with pytest.raises(NotFound):
        await partners.cancel_exit(OPERATOR, agent, now=SETTLED)

    again = await registering.register(leaving.leaver.rep, registering.new_phone(), now=SETTLED)
    assert again
    await leave_too(leaving.leaver)
    held = await queries.own(leaving.leaver.owner)
    await service.draw(agent, held.exit.id, now=SETTLED)
    assert told(await queries.own(leaving.leaver.owner)) >= {(Kind.CUSTOMER, Fate.KEPT, 4)}
    assert (await received(leaving.heir))[0] == 1


async def test_m14_what_the_successors_rooms_refuse_is_kept_and_stops_nothing(
    leaving: Leaving,
) -> None:
    """Nobody is there to whom a task could be given; the rest goes its way."""
    going, heir = leaving.customers[0], leaving.heir
    await activities.add_task(
        leaving.leaver.rep, going, NewTask(id=new_id(), title="回访"), now=NOW
    )
    await leaving.consent(going, heir.tenant_id, carries=Carries.HISTORY)
    await leaving.carry_out(await leaving.plan())
    async with db.tenant_transaction(heir.tenant_id):
        await db.connection().execute(
            "UPDATE user_account SET disabled_at = $2 WHERE tenant_id = $1", heir.tenant_id, NOW
        )
    await leaving.work()

    plan = await queries.plan(OPERATOR, leaving.leaver.tenant_id, now=SETTLED)
    assert (plan.exit.state, told(plan)) == (ExitState.DONE, ALL_STAY)
    assert await received(heir) == (0, 0, 0)


async def test_m14_after_the_last_day_no_word_changes_the_plan(leaving: Leaving) -> None:
    """Else a leaver that changes one each minute would never be seen off."""
    going, owner = leaving.customers[0], leaving.leaver.owner
    await leaving.consent(going, leaving.heir.tenant_id)
    seen, late = await leaving.plan(), queries.ends_at((await leaving.plan()).exit)
    taken_back = NewConsents(customer_ids=[going], successor_id=None, said="反悔")
    with pytest.raises(ConsentTooLate):
        await service.record_consents(owner, taken_back, now=late)

    await service.carry_out(OPERATOR, leaving.leaver.tenant_id, Seen(hash=seen.hash), now=late)
