"""Stories about public pools: giving up, looking, picking, and losing whom nobody looks after."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.access import Actor, Role, Scope
from server.access.rules import NotPermitted
from server.customers import queries as customers
from server.customers import service as customer_service
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptedOut, OptOutReason
from server.customers.pools import queries, recycling, rules, service
from server.customers.pools.recycling import Done
from server.customers.pools.schemas import NewPool, NewRule, PoolEdit, PoolView, Release
from server.customers.schemas import CustomerEdit, NewNote
from server.kit import db
from server.kit.errors import IdReused, NotFound, Refusal
from server.tenants import service as tenants
from tests.factories import NOW, Tenant, make_tenant, new_id
from tests.server.customers.stories import make
from tests.waiting import meanwhile

pytestmark = pytest.mark.usefixtures("database")
DAY = timedelta(days=1)
T = TypeVar("T")


async def make_pool(actor: Actor, **fields: Any) -> PoolView:
    """Make a pool: of the whole company, or of one's team where one sees no more."""
    if actor.scope is not Scope.TENANT:
        fields = {"team_ids": [actor.team_id], **fields}
    return await service.create_pool(actor, NewPool(**{"name": "公海", **fields}), now=NOW)


async def release(actor: Actor, customer_id: UUID, pool: PoolView, *, days: int = 0) -> None:
    """Give a customer up, some days later."""
    await service.release(actor, customer_id, Release(pool_id=pool.id), now=NOW + days * DAY)


async def pooled(actor: Actor, pool: PoolView) -> list[UUID]:
    """List what lies in a pool."""
    page = await queries.customers(actor, pool.id, now=NOW)
    return [each.id for each in page.items]


async def owner_of(tenant: Tenant, customer_id: UUID) -> UUID | None:
    """Say whose a customer is."""
    return (await customers.one(tenant.owner, customer_id)).owner_id


async def test_a_customer_given_up_is_picked_by_a_colleague(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    colleague = tenant.actor(Role.SALES_REP)
    made = await make(tenant.rep, phone="13812345678", remark="老板姓王", address="龙井路1号")

    await release(tenant.rep, made.id, pool)

    with pytest.raises(NotFound):
        await customers.one(tenant.rep, made.id)
    seen = (await queries.customers(colleague, pool.id, now=NOW)).items[0]
    assert (seen.name, seen.phone_masked) == ("杭州龙井茶行", "+86138****5678")
    await service.pick(colleague, made.id, now=NOW)
    assert (await customers.one(colleague, made.id)).phone == "+8613812345678"
    assert await pooled(colleague, pool) == []


async def test_s45_who_asked_not_to_be_called_is_picked_by_nobody(
    tenant: Tenant, rival: Tenant
) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep, phone="13805719911")
    await release(tenant.rep, made.id, pool)
    await opt_outs.opt_out(rival.rep, "+8613805719911", OptOutReason.ASKED, now=NOW)

    with pytest.raises(OptedOut):
        await service.pick(tenant.actor(Role.SALES_REP), made.id, now=NOW)
    change = CustomerEdit(owner_id=tenant.rep.user_id)
    with pytest.raises(OptedOut):
        await customer_service.edit(tenant.owner, made.id, change, now=NOW)

    assert await pooled(tenant.manager, pool) == [made.id]


async def test_what_is_shown_of_a_pool_has_no_phone_address_or_remark(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep, phone="13812345678", remark="老板姓王", address="龙井路1号")
    await customer_service.add_note(tenant.rep, made.id, NewNote(body="周三再谈"), now=NOW)
    await release(tenant.rep, made.id, pool)
    colleague = tenant.actor(Role.SALES_REP)

    listed = await queries.customers(colleague, pool.id, now=NOW)
    looked = await service.look(colleague, made.id, now=NOW)

    for text in ("13812345678", "老板姓王", "龙井路", "周三再谈"):
        assert text not in repr(listed)
        assert text not in repr(looked)
    assert looked.notes == 1


async def test_of_a_hundred_parallel_picks_one_wins(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)
    rivals = [tenant.actor(Role.SALES_REP) for _ in range(100)]

    outcomes = await asyncio.gather(
        *(service.pick(rival, made.id, now=NOW) for rival in rivals), return_exceptions=True
    )

    won = [
        rival
        for rival, each in zip(rivals, outcomes, strict=True)
        if not isinstance(each, BaseException)
    ]
    assert len(won) == 1
    assert await owner_of(tenant, made.id) == won[0].user_id
    assert {type(each) for each in outcomes if isinstance(each, BaseException)} == {rules.NotInPool}


async def test_parallel_picks_of_one_person_stay_within_the_limit(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, picks_per_day=3, held_max=5)
    rep = tenant.actor(Role.SALES_REP)
    made = [(await make(tenant.rep, f"茶行{number}")).id for number in range(12)]
    for customer_id in made:
        await release(tenant.rep, customer_id, pool)

    outcomes = await asyncio.gather(
        *(service.pick(rep, customer_id, now=NOW) for customer_id in made), return_exceptions=True
    )

    assert sum(not isinstance(each, BaseException) for each in outcomes) == 3
    await service.pick(rep, (await pooled(rep, pool))[0], now=NOW + DAY)
    await service.pick(rep, (await pooled(rep, pool))[0], now=NOW + DAY)
    with pytest.raises(rules.PickLimitReached, match="sign or release one"):
        await service.pick(rep, (await pooled(rep, pool))[0], now=NOW + DAY)


async def test_of_a_hundred_picks_at_once_at_the_last_free_one_one_is_made(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, picks_per_day=2)
    rep = tenant.actor(Role.SALES_REP)
    made = [(await make(tenant.rep, f"茶行{number}")).id for number in range(5)]
    for customer_id in made:
        await release(tenant.rep, customer_id, pool)
    await service.pick(rep, made[0], now=NOW)

    async def pick(customer_id: UUID) -> UUID | None:
        """Give whose pick was answered as made, which is what its repetition is answered too."""
        while True:
            try:
                await service.pick(rep, customer_id, now=NOW)
            except rules.PickLimitReached:
                return None
            except asyncpg.LockNotAvailableError:
                continue
            return customer_id

    won = set(await asyncio.gather(*(pick(made[1 + number % 4]) for number in range(100)))) - {None}

    [last] = won
    assert {each for each in made if await owner_of(tenant, each) == rep.user_id} == {made[0], last}
    assert (await queries.pool(rep, pool.id, now=NOW)).picks_today == 2


async def test_a_pick_sent_twice_is_one(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, picks_per_day=1)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)
    rep = tenant.actor(Role.SALES_REP)

    first = await service.pick(rep, made.id, now=NOW)
    again = await service.pick(rep, made.id, now=NOW)

    assert again == first
    assert (await queries.pool(rep, pool.id, now=NOW)).picks_today == 1


async def test_a_former_owner_waits_until_the_cooling_is_over(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, cooling_days=10)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)

    with pytest.raises(rules.CoolingOff):
        await service.pick(tenant.rep, made.id, now=NOW + 9 * DAY)

    await service.pick(tenant.rep, made.id, now=NOW + 10 * DAY)
    assert await owner_of(tenant, made.id) == tenant.rep.user_id


async def test_giving_up_sent_twice_is_one_and_the_cooling_stays(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, cooling_days=10)
    made = await make(tenant.rep)

    first = await service.release(tenant.rep, made.id, Release(pool_id=pool.id), now=NOW)
    for actor in (tenant.rep, tenant.manager, tenant.owner):
        again = await service.release(actor, made.id, Release(pool_id=pool.id), now=NOW + DAY)
        assert again == first

    with pytest.raises(rules.CoolingOff):
        await service.pick(tenant.rep, made.id, now=NOW + 9 * DAY)


async def test_a_customer_moved_to_another_pool_keeps_its_former_owner_waiting(
    tenant: Tenant,
) -> None:
    pool = await make_pool(tenant.manager)
    other = await make_pool(tenant.manager, name="二号公海", cooling_days=10)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)

    await release(tenant.owner, made.id, other)

    with pytest.raises(rules.CoolingOff):
        await service.pick(tenant.rep, made.id, now=NOW + DAY)


async def test_who_picks_what_is_being_assigned_does_not_take_it_away(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)
    change = CustomerEdit(owner_id=tenant.manager.user_id)

    async with db.tenant_transaction(tenant.tenant_id):
        await customer_service.edit(tenant.owner, made.id, change, now=NOW)
        late = await meanwhile(service.pick(tenant.actor(Role.SALES_REP), made.id, now=NOW))

    with pytest.raises(Refusal):
        await late
    assert await owner_of(tenant, made.id) == tenant.manager.user_id


async def test_who_gives_up_what_is_being_assigned_does_not_take_it_away(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep)
    change = CustomerEdit(owner_id=tenant.manager.user_id)

    async with db.tenant_transaction(tenant.tenant_id):
        await customer_service.edit(tenant.owner, made.id, change, now=NOW)
        late = await meanwhile(
            service.release(tenant.rep, made.id, Release(pool_id=pool.id), now=NOW)
        )

    with pytest.raises(Refusal):
        await late
    assert await owner_of(tenant, made.id) == tenant.manager.user_id


async def test_giving_up_and_picking_in_one_pool_at_once_do_not_lock_each_other_out(
    tenant: Tenant,
) -> None:
    pool = await make_pool(tenant.manager)
    made = [(await make(tenant.rep, f"茶行{number}")).id for number in range(20)]
    for customer_id in made[:10]:
        await release(tenant.rep, customer_id, pool)

    async def until_done(act: Callable[[], Awaitable[object]]) -> None:
        """Do as a person does who is told that others change the same: the same once more.

        Two that lock each other out are another thing, and are told apart by PostgreSQL sooner.
        """
        while True:
            try:
                await act()
            except asyncpg.LockNotAvailableError:
                continue
            return

    reps = [tenant.actor(Role.SALES_REP) for _ in range(10)]
    await asyncio.gather(
        *(
            until_done(partial(service.pick, rep, each, now=NOW))
            for rep, each in zip(reps, made[:10], strict=True)
        ),
        *(until_done(partial(release, tenant.rep, each, pool)) for each in made[10:]),
    )

    assert set(await pooled(tenant.owner, pool)) == set(made[10:])


async def test_looking_costs_a_view_a_day_and_customer(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, views_per_day=1)
    made = [(await make(tenant.rep, f"茶行{number}")).id for number in range(2)]
    for customer_id in made:
        await release(tenant.rep, customer_id, pool)
    rep = tenant.actor(Role.SALES_REP)

    await service.look(rep, made[0], now=NOW)
    await service.look(rep, made[0], now=NOW)

    with pytest.raises(rules.ViewQuotaReached):
        await service.look(rep, made[1], now=NOW)
    await service.look(rep, made[1], now=NOW + DAY)


async def test_a_pool_of_other_teams_is_out_of_reach(tenant: Tenant) -> None:
    other_team = new_id()
    await tenants.add_team(tenant.tenant_id, other_team, name="二队", now=NOW)
    pool = await make_pool(tenant.manager, team_ids=[tenant.team_id])
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)
    outsider = tenant.actor(Role.SALES_REP, team_id=other_team)

    assert await queries.pools(outsider, now=NOW) == []
    with pytest.raises(rules.PoolOutOfReach):
        await service.pick(outsider, made.id, now=NOW)
    with pytest.raises(rules.PoolOutOfReach):
        await queries.customers(outsider, pool.id, now=NOW)
    assert [each.id for each in await queries.pools(tenant.owner, now=NOW)] == [pool.id]


async def test_only_its_owner_or_who_may_assign_gives_a_customer_up(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep)
    colleague = tenant.actor(Role.SALES_REP, scope=Scope.TEAM)

    with pytest.raises(service.NotYourCustomer):
        await release(colleague, made.id, pool)

    await release(tenant.manager, made.id, pool)
    assert await pooled(colleague, pool) == [made.id]


async def test_a_customer_that_is_assigned_leaves_the_pool(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)

    await customer_service.edit(
        tenant.owner, made.id, CustomerEdit(owner_id=tenant.rep.user_id), now=NOW
    )
    await customer_service.edit(tenant.owner, made.id, CustomerEdit(owner_id=None), now=NOW)

    assert await pooled(tenant.owner, pool) == []
    with pytest.raises(NotFound):
        await service.pick(tenant.rep, made.id, now=NOW)


async def test_a_pick_of_nothing_tells_no_more_than_a_pick_of_another_companys(
    tenant: Tenant,
) -> None:
    rival = await make_tenant("别家")
    theirs = await make(rival.rep)
    mine = await make(tenant.manager)

    for customer_id in (new_id(), theirs.id, mine.id):
        with pytest.raises(NotFound):
            await service.pick(tenant.rep, customer_id, now=NOW)


async def test_pools_are_managed_by_managers(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)

    for refused in (
        make_pool(tenant.rep, name="我的"),
        service.edit_pool(tenant.rep, pool.id, PoolEdit(held_max=None), now=NOW),
        service.delete_pool(tenant.rep, pool.id, now=NOW),
    ):
        with pytest.raises(NotPermitted):
            await refused


async def test_a_manager_decides_about_pools_of_the_own_team_alone(tenant: Tenant) -> None:
    other_team = new_id()
    await tenants.add_team(tenant.tenant_id, other_team, name="二队", now=NOW)
    theirs = await make_pool(tenant.owner, team_ids=[other_team])
    shared = await make_pool(tenant.owner, name="全公司")
    own = await make_pool(tenant.manager, name="一队")
    mine = [tenant.team_id]

    for refused in (
        make_pool(tenant.manager, name="我的", team_ids=[]),
        make_pool(tenant.manager, name="我的", team_ids=[*mine, other_team]),
        service.edit_pool(tenant.manager, theirs.id, PoolEdit(team_ids=mine), now=NOW),
        service.edit_pool(tenant.manager, shared.id, PoolEdit(warn_days=1), now=NOW),
        service.edit_pool(tenant.manager, own.id, PoolEdit(team_ids=[other_team]), now=NOW),
        service.delete_pool(tenant.manager, theirs.id, now=NOW),
        service.delete_pool(tenant.manager, shared.id, now=NOW),
    ):
        with pytest.raises(rules.PoolOutOfReach):
            await refused

    taken = await service.edit_pool(tenant.owner, theirs.id, PoolEdit(team_ids=mine), now=NOW)
    assert taken.team_ids == mine


async def test_the_same_pool_sent_twice_is_one_and_another_is_refused(tenant: Tenant) -> None:
    new = NewPool(id=new_id(), name="公海", held_max=3, team_ids=[tenant.team_id])

    first = await service.create_pool(tenant.manager, new, now=NOW)

    assert await service.create_pool(tenant.manager, new, now=NOW) == first
    other = msgspec.structs.replace(new, held_max=4)
    with pytest.raises(IdReused):
        await service.create_pool(tenant.manager, other, now=NOW)
    with pytest.raises(service.PoolNameTaken):
        await make_pool(tenant.manager, name="公海")


async def test_of_pools_that_are_named_at_once_one_has_the_name(tenant: Tenant) -> None:
    new = NewPool(id=new_id(), name="公海", team_ids=[tenant.team_id])
    same = await asyncio.gather(
        *(service.create_pool(tenant.manager, new, now=NOW) for _ in range(3))
    )
    others = [await make_pool(tenant.manager, name=f"{at}号公海") for at in range(2)]
    named = await asyncio.gather(
        *(make_pool(tenant.manager, name="大公海") for _ in range(2)),
        return_exceptions=True,
    )
    renamed = await asyncio.gather(
        *(
            service.edit_pool(tenant.manager, each.id, PoolEdit(name="小公海"), now=NOW)
            for each in others
        ),
        return_exceptions=True,
    )

    assert same == [same[0]] * 3
    for outcomes in (named, renamed):
        assert sorted(type(each).__name__ for each in outcomes) == ["PoolNameTaken", "PoolView"]


async def test_a_pool_is_changed_where_it_is_touched(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, held_max=3, picks_per_day=2)

    changed = await service.edit_pool(
        tenant.manager, pool.id, PoolEdit(held_max=None, name="大公海"), now=NOW
    )

    assert (changed.name, changed.held_max, changed.picks_per_day) == ("大公海", None, 2)
    with pytest.raises(NotFound):
        await service.edit_pool(tenant.manager, new_id(), PoolEdit(warn_days=1), now=NOW)


async def test_a_pool_with_customers_stays(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager)
    made = await make(tenant.rep)
    await release(tenant.rep, made.id, pool)

    with pytest.raises(service.PoolInUse):
        await service.delete_pool(tenant.manager, pool.id, now=NOW)

    await service.pick(tenant.actor(Role.SALES_REP), made.id, now=NOW)
    await service.delete_pool(tenant.manager, pool.id, now=NOW)
    assert await queries.pools(tenant.owner, now=NOW) == []


# ------------------------------------------------------------------------------------ recycling

QUIET = [NewRule(trigger=rules.Trigger.INACTIVITY, days=30)]


async def recycle(tenant: Tenant, *, days: int) -> Done:
    """Let the night's work be done, some days later."""
    return await recycling.recycle(tenant.tenant_id, now=NOW + days * DAY)


async def test_whom_nobody_looks_after_is_taken_after_a_warning(tenant: Tenant) -> None:
    pool = await make_pool(tenant.manager, recycle_rules=QUIET, warn_days=7)
    made = await make(tenant.rep)

    assert await recycle(tenant, days=22) == Done()
    assert await recycle(tenant, days=23) == Done(warned=1)
    told = (await queries.warnings(tenant.rep))[0]
    assert (told.customer_id, told.due_on) == (made.id, rules.day_of(NOW + 30 * DAY))
    assert await recycle(tenant, days=29) == Done()
    assert await recycle(tenant, days=30) == Done(recycled=1)

    assert await owner_of(tenant, made.id) is None
    assert await pooled(tenant.owner, pool) == [made.id]
    assert await queries.warnings(tenant.rep) == []
    assert await recycle(tenant, days=31) == Done()


async def test_who_writes_something_keeps_the_customer(tenant: Tenant) -> None:
    await make_pool(tenant.manager, recycle_rules=QUIET, warn_days=7)
    made = await make(tenant.rep)
    await recycle(tenant, days=25)

    note = NewNote(body="明天去拜访")
    await customer_service.add_note(tenant.rep, made.id, note, now=NOW + 26 * DAY)

    assert await recycle(tenant, days=40) == Done(forgotten=1)
    assert await queries.warnings(tenant.rep) == []
    assert await owner_of(tenant, made.id) == tenant.rep.user_id


async def test_a_change_by_the_product_itself_is_no_activity(tenant: Tenant) -> None:
    await make_pool(tenant.manager, recycle_rules=QUIET, warn_days=0)
    first = await make(tenant.rep)
    await recycle(tenant, days=30)
    assert await owner_of(tenant, first.id) is None

    await service.pick(tenant.rep, first.id, now=NOW + 31 * DAY)

    assert await recycle(tenant, days=60) == Done()
    assert await recycle(tenant, days=61) == Done(recycled=1)


async def test_what_is_being_assigned_is_not_taken_from_who_was_never_warned(
    tenant: Tenant,
) -> None:
    await make_pool(tenant.manager, recycle_rules=QUIET, warn_days=7)
    made = await make(tenant.rep)
    await recycle(tenant, days=25)
    change = CustomerEdit(owner_id=tenant.manager.user_id)

    async with db.tenant_transaction(tenant.tenant_id):
        await customer_service.edit(tenant.owner, made.id, change, now=NOW + 32 * DAY)
        late = await meanwhile(recycle(tenant, days=32))

    assert (await late).recycled == 0
    assert await owner_of(tenant, made.id) == tenant.manager.user_id


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["release", "pick", "assign"]), st.integers(0, 2)), max_size=12
    )
)
async def test_a_customer_lies_in_a_pool_only_while_nobody_owns_it(
    tenant: Tenant, moves: list[tuple[str, int]]
) -> None:
    pool = await make_pool(tenant.manager, name=f"公海{new_id().hex}"[:50])
    made = await make(tenant.rep)
    people = [tenant.rep, tenant.manager, tenant.owner]

    for move, who in moves:
        try:
            match move:
                case "release":
                    await release(people[who], made.id, pool)
                case "pick":
                    await service.pick(people[who], made.id, now=NOW)
                case _:
                    change = CustomerEdit(owner_id=tenant.rep.user_id)
                    await customer_service.edit(people[who], made.id, change, now=NOW)
        except Refusal:
            continue
        is_owned = await owner_of(tenant, made.id) is not None
        assert (made.id in await pooled(tenant.owner, pool)) is not is_owned
