"""What somebody could do to be ahead without having been first: it gains nothing."""

import asyncio
import contextvars

import pytest

from server.access import Role
from server.customers import service as customers
from server.customers.schemas import NewStore
from server.identity import keys
from server.kit import clock, db
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner, NewTerritory
from server.registrations import queries, service
from server.registrations.queries import identities
from server.registrations.rules import identity
from server.registrations.rules.times import Interval
from server.registrations.service import protection, registry
from server.settings import Settings
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_actor, make_tenant, new_id
from tests.server.registrations.stories import (
    DAY,
    HOUR,
    OPERATOR,
    SETTLED,
    at,
    decide,
    make_shop,
    new_phone,
    register,
    seen,
    work,
)
from tests.waiting import meanwhile

MINUTE = HOUR / 60


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Two agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(2)]


async def test_s67_who_registers_a_shop_often_has_one_chance(rivals: list[Tenant]) -> None:
    """Whoever draws after the rival with its first registration has lost with all of them."""
    phone = new_phone()
    drawn = sorted((new_id() for _ in range(64)), key=identities.lot)
    mine, first = drawn[32], min(drawn[33:])
    doubles = [first, *[each for each in drawn[:32] if each > first][:3]]

    await register(rivals[0].rep, phone, registration_id=mine, made=at(NOW))
    for each in doubles:
        await register(rivals[1].rep, phone, registration_id=each, made=at(NOW))
    await work(SETTLED)

    assert (await seen(rivals[0].rep, mine, now=SETTLED)).state is State.GRANTED
    for each in doubles:
        assert (await seen(rivals[1].rep, each, now=SETTLED)).reason == "lot"


async def test_s02_writing_ones_own_city_on_a_rivals_customer_gains_nothing(
    rivals: list[Tenant],
) -> None:
    """The exclusive right counts where the other says, too, that the customer lies there."""
    first_day = NOW.date()
    new = NewAgent(name="区域代理", city="丽水", owner=NewOwner(name="老板"))
    admitted = await partners.admit(OPERATOR, new, now=NOW)
    holder = make_actor(admitted.tenant_id, Role.AGENT_OWNER)
    right = NewTerritory(
        agent_id=admitted.tenant_id, division="331100", is_exclusive=True, valid_from=first_day
    )
    await partners.grant_territory(OPERATOR, right, now=NOW)
    phone = new_phone()
    mine = await register(rivals[0].rep, phone, city="杭州", made=at(NOW - HOUR))
    theirs = await register(holder, phone, city="丽水", made=at(NOW))
    honest = await register(holder, city="丽水", district="莲都区", made=at(NOW))
    await work(SETTLED)

    assert (await seen(rivals[0].rep, mine, now=SETTLED)).state is State.GRANTED
    assert (await seen(holder, theirs, now=SETTLED)).reason == "evidence"
    assert (await seen(holder, honest, now=SETTLED)).state is State.GRANTED
    assert (await queries.replay(OPERATOR)).differing == []


async def test_m12_a_phones_word_alone_opens_a_case_and_the_order_decides_it(
    rivals: list[Tenant],
) -> None:
    """Where the server knows no more than that it may have been first, both are heard."""
    phone = new_phone()
    said = Interval(
        earliest_ms=clock.to_ms(NOW),
        latest_ms=clock.to_ms(NOW + MINUTE),
        floor_ms=clock.to_ms(NOW - DAY),
        ceiling_ms=clock.to_ms(NOW + DAY),
    )
    mine = await register(rivals[0].rep, phone, made=said, now=NOW + DAY)
    double = await register(rivals[0].rep, phone, made=at(NOW + 2 * HOUR), now=NOW + DAY)
    theirs = await register(rivals[1].rep, phone, made=at(NOW + HOUR), now=NOW + HOUR)
    now = SETTLED + DAY
    await work(now)

    before = [
        await seen(who.owner, which, now=now)
        for who, which in zip((rivals[0], rivals[1]), (mine, theirs), strict=True)
    ]
    assert [each.state for each in before] == [State.CONTESTED] * 2
    assert before[0].case_id == before[1].case_id is not None
    assert (await seen(rivals[0].owner, double, now=now)).reason == "already_yours"
    await work(now + 10 * DAY)
    assert (await seen(rivals[0].owner, mine, now=now)).state is State.GRANTED
    assert (await seen(rivals[1].owner, theirs, now=now)).reason == "verdict"


async def test_who_is_joined_through_a_third_waits_for_its_own_window(
    rivals: list[Tenant],
) -> None:
    """A made-up customer with two phones ends no window but that of whom it meets."""
    left, right = new_phone(), new_phone()
    first = await register(rivals[0].rep, left, made=at(NOW))
    evening = SETTLED - registry.GRACE - HOUR
    made_up = await make_shop(rivals[1].rep, left)
    await customers.add_store(rivals[1].rep, made_up, NewStore(phone=right), now=NOW)
    await register(rivals[1].rep, customer_id=made_up, made=at(evening), now=evening)
    last = await register(rivals[0].rep, right, made=at(evening), now=evening)
    await work(SETTLED)

    assert (await seen(rivals[0].rep, first, now=SETTLED)).state is State.GRANTED
    assert (await seen(rivals[0].rep, last, now=SETTLED)).state is State.CHECKING
    later = SETTLED + 31 * DAY
    await work(later)
    assert (await seen(rivals[0].rep, last, now=later)).state is State.GRANTED


async def test_one_registration_protects_a_dozen_shops_and_not_a_town(
    rivals: list[Tenant],
) -> None:
    """Whoever collects strangers' phones under one customer is told what to do."""
    shop = await make_shop(rivals[0].rep, new_phone())
    for _ in range(identity.KEYS_MAX - 1):
        await customers.add_store(rivals[0].rep, shop, NewStore(phone=new_phone()), now=NOW)
    mine = await register(rivals[0].rep, customer_id=shop)
    await work()
    await decide(rivals[0].rep, mine, "release")
    await customers.add_store(rivals[0].rep, shop, NewStore(phone=new_phone()), now=NOW)

    with pytest.raises(identity.IdentityTooWide):
        await register(rivals[0].rep, customer_id=shop)


async def test_a_record_that_waited_for_its_lock_shows_what_the_registry_says_by_then(
    rivals: list[Tenant],
) -> None:
    """What was read before, and is old by the time it can be written, is not the last word."""
    agent = rivals[0]
    mine = await register(agent.rep)
    await work(SETTLED)

    async with db.tenant_transaction(agent.tenant_id):
        await db.connection().execute(
            "SELECT FROM registration WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
            *(agent.tenant_id, mine),
        )
        mirrored = await meanwhile(service.mirror(agent.tenant_id, mine, now=SETTLED))
        elsewhere = contextvars.Context()
        await asyncio.create_task(protection.release(mine, now=SETTLED), context=elsewhere)
    await mirrored

    assert (await seen(agent.rep, mine, now=SETTLED)).state is State.RELEASED
