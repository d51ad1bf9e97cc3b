"""A merge that is taken back leaves nothing of itself, and loses nothing that came since."""

import asyncio
from collections.abc import Coroutine
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as rules_of_play
from hypothesis import strategies as st

from server.access import Scope
from server.changelog.custom import CustomValueTaken
from server.customers import queries, service
from server.customers.bulk import service as bulk
from server.customers.bulk.schemas import NewHandOver
from server.customers.schemas import CustomerEdit, NewContact, NewCustomer
from server.kit import db
from server.kit.errors import NotFound
from server.pipeline import service as pipeline
from server.pipeline.schemas import NewOpportunity
from server.settings import Settings
from server.sync import queries as inbox
from server.sync.merging import merge
from server.sync.schemas import MergeView
from server.sync.unmerging import MergeNotLast, unmerge
from tests.factories import NOW, Tenant, make_tenant, new_id
from tests.server.benefits import stories
from tests.server.customers.custom.stories import field
from tests.server.sales import stories as sales
from tests.server.sync.devices import Device, Replica, make_device
from tests.server.sync.test_merging import children, customers, two
from tests.waiting import meanwhile

T = TypeVar("T")


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of whoever merges."""
    return await make_device(database, tenant)


async def held(boss: Device) -> Replica:
    """Give all that the company has, as a device that begins now would get it."""
    return await boss.snapshot()


async def references(tenant: Tenant) -> list[tuple[Any, ...]]:
    """Give whom the rows of upper rooms name, and where aliases lead."""
    async with db.tenant_transaction(tenant.tenant_id):
        rows = await db.connection().fetch(
            "SELECT 'request', id, customer_id FROM benefit_request WHERE tenant_id = $1"
            " UNION ALL SELECT 'alias', old_id, into_id FROM customer_alias WHERE tenant_id = $1"
            " ORDER BY 1, 2",
            tenant.tenant_id,
        )
    return [tuple(row) for row in rows]


# ------------------------------------------------------------------------------------- the law

TEXTS = st.sampled_from(("甲", "乙", "丙"))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "phone": st.sampled_from(("+8613800138001", "+8613800138002")),
        "city": st.sampled_from(("苏州市", "无锡市")),
        "level": st.sampled_from(("A", "B")),
        "remark": TEXTS,
        "address": TEXTS,
        "expected_revenue_minor": st.integers(0, 9),
    },
)
CHILDREN = st.lists(st.sampled_from(("contact", "note", "store", "opportunity")), max_size=4)
TAGS = st.sets(st.integers(0, 2))
ONE = st.tuples(FIELDS, CHILDREN, TAGS)


async def make(phone: Device, spec: Any, tags: list[UUID]) -> UUID:
    """Make a customer with children and tags."""
    fields, kinds, marks = spec
    id_ = new_id()
    ops: list[Any] = [phone.create("customer", id_, name="老街茶庄", **fields)]
    for kind in kinds:
        words = {"body": "约好周三"} if kind == "note" else {"name": "一号"}
        ops.append(phone.create(kind, new_id(), customer_id=str(id_), **words))
    if marks:
        ops.append(phone.tag(id_, add=[str(tags[mark]) for mark in sorted(marks)]))
    answer = await phone.push(*ops)
    assert {outcome.code for outcome in answer.outcomes} == {"applied"}
    return id_


async def play(
    database: Settings, specs: tuple[Any, Any, Any], edits: dict[str, Any], *, adds: bool
) -> None:
    """Merge twice, take back twice, and hold what is there against what was."""
    tenant = await make_tenant()
    phone = await make_device(database, tenant)
    watcher = await make_device(database, tenant, scope=Scope.MINE)
    boss = await make_device(database, tenant, scope=Scope.TENANT)
    tags = [new_id() for _ in range(3)]
    await phone.push(*(phone.create("tag", tag, name=str(tag)[-6:], meaning="试") for tag in tags))
    first, old, into = [await make(phone, spec, tags) for spec in specs]
    given = CustomerEdit(owner_id=watcher.actor.user_id)
    await service.edit(tenant.owner, into, given, now=NOW)
    await phone.pull()
    await watcher.pull()
    before, named = await held(boss), await references(tenant)

    inner = await merge(tenant.owner, first, old, now=phone.later())
    between, led = await held(boss), await references(tenant)
    outer = await merge(tenant.owner, old, into, now=phone.later())
    await phone.pull()
    await watcher.pull()
    added = new_id()
    if adds:
        note = phone.create("note", added, customer_id=str(into), body="合并之后写的")
        await phone.push(note)
    # Edited after the merge: what is written stays. Who writes what stands there writes nothing.
    merged = phone.replica["customer", str(into)]
    edits = {name: value for name, value in edits.items() if merged[name] != value}
    if edits:
        await phone.push(phone.edit("customer", into, **edits))
    with pytest.raises(MergeNotLast):
        await unmerge(tenant.owner, old, inner.id, now=phone.later())
    view = await unmerge(tenant.owner, into, outer.id, now=phone.later())

    after = await held(boss)
    extra = {("note", str(added))} if adds else set()
    conflicts = {key for key in after if key[0] == "conflict"} - between.keys()
    assert {after[key]["state"] for key in conflicts} <= {"dismissed"}, "none is left to decide"
    for key, fields in between.items():
        wanted = {**fields, **edits} if key == ("customer", str(into)) else fields
        assert after[key] == wanted, key
    assert after.keys() - conflicts == between.keys() | extra
    assert (view.stayed, after[("customer", str(into))].keys()) == (
        int(adds),
        between[("customer", str(into))].keys(),
    )
    assert await references(tenant) == led
    await unmerge(tenant.owner, old, inner.id, now=phone.later())
    last = await held(boss)
    assert {key: last[key] for key in before if key != ("customer", str(into))} == {
        key: before[key] for key in before if key != ("customer", str(into))
    }
    assert await references(tenant) == named
    for device in (phone, watcher, boss):
        await device.pull()
        assert device.replica == await device.snapshot()


def test_merge_and_unmerge_give_back_what_was(
    loop: asyncio.AbstractEventLoop, database: Settings
) -> None:
    def run(steps: Coroutine[Any, Any, T]) -> T:
        return loop.run_until_complete(steps)

    @rules_of_play(
        max_examples=25,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(ONE, ONE, ONE), FIELDS, st.booleans())
    def law(specs: tuple[Any, Any, Any], edits: dict[str, Any], adds: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        run(play(database, specs, edits, adds=adds))

    law()


# -------------------------------------------------------------------------------------- stories


async def test_who_saw_the_other_alone_drops_what_goes_back(
    tenant: Tenant, phone: Device, database: Settings
) -> None:
    mine = await make_device(database, tenant, scope=Scope.MINE)
    old, into = await two(phone)
    given = CustomerEdit(owner_id=mine.actor.user_id)
    await service.edit(tenant.owner, into, given, now=NOW)
    await mine.pull()
    had = children(mine)
    view = await merge(tenant.owner, old, into, now=phone.later())
    await mine.pull(limit=2)
    between = children(mine)

    await unmerge(tenant.owner, into, view.id, now=phone.later())
    await mine.pull(limit=2)

    assert had == {"约好周四": str(into)}
    assert len(between) == 4
    assert children(mine) == had
    assert mine.replica == await mine.snapshot()
    # Merged again, all of it comes again, and nothing is dropped by what was before.
    await merge(tenant.owner, old, into, now=phone.later())
    await mine.pull(limit=2)
    assert len(children(mine)) == 4
    assert mine.replica == await mine.snapshot()


async def test_what_was_written_since_stays_and_is_told(phone: Device, tenant: Tenant) -> None:
    old, into = await two(phone)
    view = await merge(tenant.owner, old, into, now=phone.later())
    change = CustomerEdit(phone="+8613900139000")
    await service.edit(tenant.owner, into, change, now=phone.later())
    contact = NewContact(name="新店长")
    await service.add_contact(tenant.owner, into, contact, now=phone.later())

    back = await unmerge(tenant.owner, into, view.id, now=phone.later())
    again = await unmerge(tenant.owner, into, view.id, now=phone.later())

    assert (back.moved, back.kept, back.stayed) == (3, ["phone"], 1)
    assert again == back
    await phone.pull()
    assert customers(phone)[str(into)]["phone"] == "+8613900139000"
    assert customers(phone)[str(old)]["phone"] == "+8613800138001"
    assert children(phone)["新店长"] == str(into)
    found = await inbox.conflicts(tenant.owner, customer_id=into)
    assert found.items == []
    (line,) = await inbox.merges_of(tenant.owner, into)
    assert (line.merged_id, line.undone_at is None) == (old, False)


async def test_what_was_added_to_what_goes_back_goes_along(tenant: Tenant, phone: Device) -> None:
    old, into = await two(phone)
    await phone.pull()
    ((_, store),) = [key for key in phone.replica if key[0] == "store"]
    deal = NewOpportunity(customer_id=old, name="收银系统")
    deal_id = (await pipeline.create(tenant.owner, deal, now=NOW)).id
    shelf = await sales.stock(tenant.owner)
    view = await merge(tenant.owner, old, into, now=phone.later())
    quote = await sales.write(tenant, shelf, deal=deal_id, actor=tenant.owner)
    beneath, apart = new_id(), new_id()
    await phone.push(
        phone.create("contact", beneath, customer_id=str(into), store_id=store, name="收银员"),
        phone.create("contact", apart, customer_id=str(into), name="老板"),
    )

    back = await unmerge(tenant.owner, into, view.id, now=phone.later())

    assert (await sales.seen(tenant.owner, quote)).customer_id == old
    shown = await phone.snapshot()
    assert shown["contact", str(beneath)]["customer_id"] == str(old)
    assert shown["contact", str(apart)]["customer_id"] == str(into)
    assert (back.moved, back.stayed) == (view.moved + 2, 1)


async def test_a_value_that_somebody_else_was_given_since_is_not_had_twice(tenant: Tenant) -> None:
    name = (await field(tenant.owner, is_unique=True)).name

    async def add(value: str) -> UUID:
        new = NewCustomer(name=f"老街茶庄{value}", custom={name: value})
        return (await service.create(tenant.rep, new, now=NOW)).id

    old, into = await add("A-1"), await add("A-2")
    view = await merge(tenant.rep, old, into, now=NOW)
    other = await add("A-1")

    with pytest.raises(CustomValueTaken) as refused:
        await unmerge(tenant.rep, into, view.id, now=NOW)

    assert refused.value.field == name
    await service.edit(tenant.rep, other, CustomerEdit(custom={name: "A-3"}), now=NOW)
    back = await unmerge(tenant.rep, into, view.id, now=NOW)
    assert back.merged_id == old


async def test_words_that_come_late_reach_the_one_again(
    phone: Device, tenant: Tenant, database: Settings
) -> None:
    away = await make_device(database, tenant)
    old, into = await two(phone)
    await away.pull()
    view = await merge(tenant.owner, old, into, now=phone.later())
    await unmerge(tenant.owner, into, view.id, now=phone.later())

    outcome = await away.outcome(away.edit("customer", old, level="A"))
    await away.pull()

    assert outcome.code == "applied"
    assert customers(away)[str(old)]["level"] == "A"
    assert customers(away)[str(into)]["level"] is None
    assert away.replica == await away.snapshot()


async def test_the_rows_of_upper_rooms_name_the_one_again(tenant: Tenant, phone: Device) -> None:
    old, into = await two(phone)
    program = await stories.make_program()
    request = (await stories.request(phone.actor, old, program.id)).id
    view = await merge(tenant.owner, old, into, now=phone.later())
    between = await references(tenant)

    await unmerge(tenant.owner, into, view.id, now=phone.later())

    assert ("request", request, into) in between
    assert await references(tenant) == [("request", request, old)]


async def test_of_three_merged_in_a_ring_at_once_one_stays_and_all_come_back(
    tenant: Tenant, phone: Device
) -> None:
    ids = [new_id() for _ in range(3)]
    for at, each in enumerate(ids):
        await phone.push(
            phone.create("customer", each, name=f"老街茶庄{at}"),
            phone.create("note", new_id(), customer_id=str(each), body=f"{at}"),
        )
    later = phone.later()

    async def into_the_next(at: int) -> MergeView | None:
        """Merge one into the next, asked again where others hold it, unless one of them is gone."""
        while True:
            try:
                return await merge(tenant.owner, ids[at], ids[(at + 1) % 3], now=later)
            except asyncpg.LockNotAvailableError:
                continue
            except NotFound:
                return None

    asked = await asyncio.gather(*map(into_the_next, range(3)))

    first, last = sorted((each for each in asked if each is not None), key=attrgetter("seq"))
    assert last.merged_id == first.customer_id
    await phone.pull()
    assert {UUID(each) for each in customers(phone)} == {last.customer_id}
    assert set(children(phone).values()) == {str(last.customer_id)}
    # Neither who is gone is merged with anybody, nor a merge taken back on which another stands.
    for gone in (first.merged_id, last.merged_id):
        with pytest.raises(NotFound):
            await merge(tenant.owner, last.customer_id, gone, now=phone.later())
    with pytest.raises(MergeNotLast):
        await unmerge(tenant.owner, first.customer_id, first.id, now=phone.later())
    for done in (last, first):
        await unmerge(tenant.owner, done.customer_id, done.id, now=phone.later())
    await phone.pull()
    assert children(phone) == {str(at): str(each) for at, each in enumerate(ids)}
    assert {UUID(each) for each in customers(phone)} == set(ids)


async def test_who_is_merged_during_a_hand_over_goes_where_the_one_that_stays_does(
    tenant: Tenant, phone: Device
) -> None:
    old, into = await two(phone)
    heir = tenant.rep.user_id
    given = NewHandOver(from_id=phone.actor.user_id, to_ids=[heir])

    async with db.tenant_transaction(tenant.tenant_id):
        await merge(tenant.owner, old, into, now=phone.later())
        handing = await meanwhile(bulk.hand_over(tenant.owner, given, now=phone.later()))
    await handing

    assert (await queries.one(tenant.owner, into)).owner_id == heir
    with pytest.raises(NotFound):
        await queries.one(tenant.owner, old)
    (line,) = await inbox.merges_of(tenant.owner, into)
    await unmerge(tenant.owner, into, line.id, now=phone.later())
    assert (await queries.one(tenant.owner, old)).name == "老街茶荘"


async def test_of_five_who_take_back_at_once_one_does(phone: Device, tenant: Tenant) -> None:
    old, into = await two(phone)
    view = await merge(tenant.owner, old, into, now=phone.later())
    later = phone.later()

    backs = await asyncio.gather(
        *(unmerge(tenant.owner, into, view.id, now=later) for _ in range(5))
    )

    assert len({back.seq for back in backs}) == 1


async def test_nobody_takes_back_out_of_sight(
    phone: Device, tenant: Tenant, rival: Tenant, database: Settings
) -> None:
    mine = await make_device(database, tenant, scope=Scope.MINE)
    old, into = await two(phone)
    given = CustomerEdit(owner_id=mine.actor.user_id)
    await service.edit(tenant.owner, into, given, now=NOW)
    view = await merge(tenant.owner, old, into, now=phone.later())

    for actor in (rival.owner, mine.actor):
        with pytest.raises(NotFound):
            await unmerge(actor, into, view.id, now=NOW)
    with pytest.raises(NotFound):
        await unmerge(tenant.owner, old, view.id, now=NOW)
    with pytest.raises(NotFound):
        await inbox.merges_of(rival.owner, into)
