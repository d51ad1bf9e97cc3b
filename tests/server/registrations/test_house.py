"""The platform is a party too: it goes the way of all, and its contacts are seen."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from server.access import Actor
from server.audit import queries as audit
from server.identity import keys
from server.kit.errors import Forbidden, IdReused, NotFound
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner, NewTerritory
from server.registrations import queries, service
from server.registrations.queries import identities
from server.registrations.rules.identity import IdentityMissing
from server.registrations.rules.states import HouseIsParty, OutsideTerritory
from server.registrations.schemas import Check, HouseView, NewContact, NewHouse, NewVerdict, Word
from server.settings import Settings
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.registrations.stories import DAY, SETTLED, at, new_phone, register, seen, work


@pytest.fixture(scope="module")
async def agent(database: Settings) -> Tenant:
    keys.open_keys(database)
    return await make_tenant()


@pytest.fixture(scope="module")
def operator() -> Actor:
    return make_platform_actor()


async def house(operator: Actor, phone: str, house_id: UUID | None = None) -> UUID:
    """Let the platform register a customer of its own."""
    new = NewHouse(id=house_id or new_id(), label="总部直客", customer=Check(phone=phone))
    return (await service.register_house(operator, new, now=NOW)).id


async def standing(operator: Actor, house_id: UUID, *, now: datetime = SETTLED) -> HouseView:
    """Give where a registration of the platform's stands."""
    return next(each for each in await queries.houses(operator, now=now) if each.id == house_id)


async def test_the_platform_waits_for_the_window_and_is_protected_as_anybody(
    operator: Actor, agent: Tenant
) -> None:
    phone = new_phone()
    mine = await house(operator, phone)
    assert await house(operator, phone, mine) == mine
    await work(NOW)
    assert (await standing(operator, mine)).state is State.CHECKING
    await work(SETTLED)
    assert (await standing(operator, mine)).state is State.GRANTED

    late = await register(agent.rep, phone, now=SETTLED + DAY)
    await work(SETTLED + DAY)
    view = await seen(agent.owner, late, now=SETTLED + DAY)
    assert (view.state, view.reason) == (State.REFUSED, "live")

    await service.release_house(operator, mine, now=SETTLED + 2 * DAY)
    await work(SETTLED + 2 * DAY)
    assert (await standing(operator, mine)).state is State.RELEASED


async def test_who_was_earlier_beats_the_platform(operator: Actor, agent: Tenant) -> None:
    phone = new_phone()
    earlier = await register(agent.rep, phone, made=at(NOW - 2 * DAY), now=NOW)
    mine = await house(operator, phone)
    await work(SETTLED)

    assert (await seen(agent.owner, earlier, now=SETTLED)).state is State.GRANTED
    assert (await standing(operator, mine)).state is State.REFUSED


async def test_in_a_case_of_its_own_the_platform_decides_nothing_for_itself(
    operator: Actor, agent: Tenant
) -> None:
    """The lot falls to the agent; the platform can neither say otherwise nor hear a word."""
    phone, mine = new_phone(), new_id()
    favoured = min((new_id() for _ in range(64)), key=identities.lot)
    await house(operator, phone, mine)
    await work(SETTLED)
    early, now = at(NOW - 40 * DAY), SETTLED + 2 * DAY
    theirs = await register(
        agent.rep, phone, registration_id=favoured, made=early, now=SETTLED + DAY
    )
    await work(SETTLED + DAY)
    case = await queries.of_registration(agent.owner, theirs, now=now)
    assert [each.is_house for each in case.parties if not each.is_you] == [True]

    for winner in (mine, theirs):
        with pytest.raises(HouseIsParty):
            await service.hear(operator, case.id, Word(registration_id=winner), now=now)
    await service.waive(agent.rep, theirs, now=now)
    await work(now)
    verdict = NewVerdict(winner_id=mine, reason="我们更熟")
    with pytest.raises(HouseIsParty):
        await service.rule(operator, case.id, verdict, now=now)
    decided = await service.rule(operator, case.id, NewVerdict(), now=now)

    assert decided.winner == next(each.label for each in case.parties if each.is_you)


async def test_m4_whose_customer_the_platform_has_contacted_sees_it_and_the_platform_learns_nothing(
    operator: Actor, agent: Tenant
) -> None:
    phone, stranger = new_phone(), await make_tenant()
    mine = await register(agent.rep, phone)
    await work(SETTLED)
    contact = NewContact(id=new_id(), customer=Check(phone=phone), kind="call", note="回访")
    of_nobody = NewContact(id=new_id(), customer=Check(phone=new_phone()), kind="call")
    for _ in range(2):
        told = await service.note_contact(operator, contact, now=SETTLED)
    assert type(told) is type(await service.note_contact(operator, of_nobody, now=SETTLED))
    await work(SETTLED + timedelta(minutes=1))

    lines = (await audit.platform_reads(agent.owner)).items
    found = [line for line in lines if line.what == "customer.contacted"]
    assert [line.detail for line in found] == [{"kind": "call", "registration_id": str(mine)}]
    assert found[0].actor_name == operator.name
    assert (await audit.platform_reads(stranger.owner)).items == []
    assert phone not in str(found)


async def test_what_is_refused_of_the_platform(operator: Actor, agent: Tenant) -> None:
    mine, phone = new_id(), new_phone()
    await house(operator, phone, mine)
    other = NewHouse(id=mine, label="另一个", customer=Check(phone=phone))
    with pytest.raises(IdReused):
        await service.register_house(operator, other, now=NOW)
    nobody = NewHouse(label="无名", customer=Check(name="没有号码"))
    with pytest.raises(IdentityMissing):
        await service.register_house(operator, nobody, now=NOW)
    with pytest.raises(NotFound):
        await service.release_house(operator, new_id(), now=NOW)
    for actor in (agent.owner, agent.rep):
        with pytest.raises(Forbidden):
            await house(actor, phone)
        with pytest.raises(Forbidden):
            await queries.houses(actor, now=NOW)
    await _hold_place(operator, "469005")
    outside = NewHouse(label="直客", customer=Check(phone=new_phone(), city="文昌"))
    with pytest.raises(OutsideTerritory):
        await service.register_house(operator, outside, now=NOW)


async def _hold_place(operator: Actor, division: str) -> None:
    """Let some agent work alone in a place."""
    new = NewAgent(name="区域代理", city="文昌", owner=NewOwner(name="老板"))
    holder = await partners.admit(operator, new, now=NOW)
    right = NewTerritory(
        agent_id=holder.tenant_id, division=division, is_exclusive=True, valid_from=NOW.date()
    )
    await partners.grant_territory(operator, right, now=NOW)
