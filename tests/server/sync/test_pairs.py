"""A customer that is made twice is accepted twice, and told as a pair."""

import msgspec
import pytest

from server.kit import db
from server.kit.errors import NotFound
from server.settings import Settings
from server.sync import comparing, jobs, merging, pairs
from server.sync.unmerging import unmerge
from server.worker import collect_handlers, collect_schedule
from tests.factories import Tenant, make_actor, new_id
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """A rep's phone."""
    return await make_device(database, tenant)


async def looked(phone: Device) -> None:
    """Let the worker do what this company's pushes left for it."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "DELETE FROM outbox WHERE topic = $1 AND tenant_id = $2 RETURNING payload",
            pairs.TOPIC,
            phone.actor.tenant_id,
        )
    for row in rows:
        await pairs.find(
            phone.actor.tenant_id, msgspec.json.decode(row["payload"]), now=phone.later()
        )


async def told(phone: Device) -> set[tuple[str, ...]]:
    """Give the reasons of the pairs that the phone's person sees."""
    page = await pairs.pairs(phone.actor)
    return {tuple(item.reasons) for item in page.items}


async def test_what_is_made_twice_is_told_as_a_pair(tenant: Tenant, phone: Device) -> None:
    first, second = new_id(), new_id()
    await phone.push(
        phone.create("customer", first, name="江阴海澜配送", phone="+8613800138001"),
        phone.create("customer", new_id(), name="老街茶庄", district="滨湖区"),
        phone.create("customer", new_id(), name="老街茶庄", district="梁溪区"),
        phone.create("customer", new_id(), name="新街茶庄"),
    )
    again = phone.create("customer", second, name="海澜", phone="+8613800138001")

    assert (await phone.outcome(again)).code == "applied"
    await looked(phone)

    [pair] = (await pairs.pairs(phone.actor)).items
    assert {pair.first_id, pair.second_id} == {first, second}
    assert pair.reasons == ["phone"]
    stranger = make_actor(tenant.tenant_id, phone.actor.role, team_id=None)
    assert (await pairs.pairs(stranger)).items == []
    await merging.merge(phone.actor, second, first, now=phone.later())
    assert await told(phone) == set()


async def test_who_was_told_apart_stays_apart(phone: Device) -> None:
    first, second, third = new_id(), new_id(), new_id()
    await phone.push(
        *(
            phone.create("customer", each, name=name, phone="+8613800138001")
            for each, name in ((first, "江阴海澜配送"), (second, "海澜"), (third, "海澜之家"))
        )
    )
    await looked(phone)

    for _ in range(2):
        await comparing.tell_apart(phone.actor, second, first, now=phone.later())
    left = {
        frozenset((each.first_id, each.second_id))
        for each in (await pairs.pairs(phone.actor)).items
    }
    merged = await merging.merge(phone.actor, third, first, now=phone.later())
    await unmerge(phone.actor, first, merged.id, now=phone.later())
    await looked(phone)

    assert left == {frozenset((first, third)), frozenset((second, third))}
    # A merge that is taken back decides nothing; the two that were told apart still are.
    items = (await pairs.pairs(phone.actor)).items
    assert {frozenset((each.first_id, each.second_id)) for each in items} == left
    with pytest.raises(NotFound):
        await comparing.tell_apart(phone.actor, first, new_id(), now=phone.later())


async def test_every_company_is_collected_at_night(tenant: Tenant, phone: Device) -> None:
    now = phone.later()
    await jobs.collect_everywhere(now)
    await jobs.collect_everywhere(now)

    async with db.job_transaction():
        left = await db.connection().fetchval(
            "SELECT count(*) FROM outbox WHERE topic = $1 AND tenant_id = $2",
            jobs.COLLECT,
            tenant.tenant_id,
        )
    assert left == 1
    assert jobs.COLLECT in collect_schedule()
    assert {pairs.TOPIC, jobs.COLLECT} <= set(collect_handlers())
