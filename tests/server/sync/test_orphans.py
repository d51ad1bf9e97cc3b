"""After a restoration, ops that come before their records wait for them."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from server.access import Scope
from server.changelog import restoration
from server.identity import service as identity
from server.kit import db
from server.settings import Settings
from server.sync import collection, merging
from server.sync import service as sync
from server.sync.orphans import KEEP, Orphans
from server.sync.rules import EpochUnknown
from server.sync.service import HERE
from sync_protocol.messages import Intent, Outcome, ReceivedOp, Status
from tests.factories import NOW, Tenant, new_id
from tests.server.sync.devices import Device, frame, make_device


@pytest.fixture
async def li(database: Settings, tenant: Tenant) -> Device:
    """The phone that makes records."""
    return await make_device(database, tenant)


@pytest.fixture
async def wang(database: Settings, tenant: Tenant) -> Device:
    """The phone that writes into them."""
    return await make_device(database, tenant)


async def restored(*phones: Device) -> None:
    """Let the tenant be restored to a backup of its first minute."""
    async with db.tenant_transaction(phones[0].actor.tenant_id):
        await restoration.begin_epoch(phones[0].actor.tenant_id, now=NOW)


async def again(phone: Device, *ops: ReceivedOp, epoch: int = 1) -> list[Outcome]:
    """Send ops as a device that has not heard of the restoration."""
    now = phone.later()
    push = msgspec.structs.replace(frame(ops, now), epoch=epoch)
    return (await sync.push(phone.actor, push, now=now)).outcomes


async def present_epoch(phone: Device) -> int:
    """Give what a device hears that pulls."""
    stands = await restoration.stand(phone.actor.tenant_id)
    assert stands is not None
    return stands.epoch


async def held(phone: Device) -> dict[str, Any]:
    """Give the fields of all that a new phone shows, by name or text."""
    return {
        str(fields.get("name") or fields.get("body")): fields
        for fields in (await phone.snapshot()).values()
    }


async def test_an_edit_waits_for_the_creation_of_another_device(li: Device, wang: Device) -> None:
    await restored(li, wang)
    customer, contact = new_id(), new_id()
    early: list[ReceivedOp] = [
        wang.edit("customer", customer, city="无锡市"),
        wang.create("contact", contact, customer_id=str(customer), name="李店长"),
        wang.edit("contact", contact, title="店长"),
        wang.create("customer", new_id(), name="自己的客户"),
    ]

    outcomes = await again(wang, *early)

    assert [(each.status, each.code) for each in outcomes] == [
        *[(Status.APPLIED, "waiting")] * 3,
        (Status.APPLIED, "applied"),
    ]
    assert await again(wang, *early) == outcomes
    await again(li, li.create("customer", customer, name="老街茶庄", city="苏州市"))
    shown = await held(li)
    assert shown["老街茶庄"]["city"] in {"无锡市", "苏州市"}
    assert shown["李店长"]["title"] == "店长"
    async with db.tenant_transaction(li.actor.tenant_id, readonly=True):
        assert await db.connection().fetchval("SELECT count(*) FROM orphan_op") == 0


async def test_whichever_comes_first_nothing_is_left_behind(li: Device, wang: Device) -> None:
    await restored(li, wang)
    for _ in range(6):
        customer = new_id()
        made = li.create("customer", customer, name=f"客户{customer.hex[-8:]}")
        written = wang.create("note", new_id(), customer_id=str(customer), body=f"见{customer}")

        await asyncio.gather(again(li, made), again(wang, written))

        assert f"见{customer}" in await held(li)


async def test_what_was_made_before_the_first_pull_brings_home_what_waits(
    li: Device, wang: Device
) -> None:
    await restored(li, wang)
    customer, now = new_id(), li.later()
    await again(wang, wang.create("note", new_id(), customer_id=str(customer), body="约好周三"))

    # A device that has never pulled tells no epoch, whenever it made what it sends.
    await sync.push(
        li.actor, frame([li.create("customer", customer, name="老街茶庄")], now), now=now
    )

    assert "约好周三" in await held(li)


async def test_what_was_made_waits_for_all_that_it_names(li: Device, wang: Device) -> None:
    customer, store, tag = new_id(), new_id(), new_id()
    await li.push(li.create("customer", customer, name="老街茶庄"))
    await restored(li, wang)
    early: list[ReceivedOp] = [
        wang.create(
            "contact", new_id(), customer_id=str(customer), store_id=str(store), name="李店长"
        ),
        wang.create("customer", new_id(), name="福满楼", tags=[str(tag)]),
        wang.create("customer", new_id(), name="得月楼", owner_id=str(new_id())),
    ]

    outcomes = await again(wang, *early)

    assert [each.code for each in outcomes[:2]] == ["waiting"] * 2
    assert outcomes[2].status is Status.REJECTED
    await again(
        li,
        li.create("store", store, customer_id=str(customer), name="一店"),
        li.create("tag", tag, name="重点", meaning="每周拜访"),
    )
    assert {"李店长", "福满楼"} <= set(await held(li))


async def test_what_waits_is_written_on_after_its_device_has_heard(
    li: Device, wang: Device
) -> None:
    """It is on that device's screen all the time."""
    await restored(li, wang)
    customer, contact = new_id(), new_id()
    await again(wang, wang.create("contact", contact, customer_id=str(customer), name="李店长"))
    epoch = await present_epoch(wang)

    later = await again(wang, wang.edit("contact", contact, title="店长"), epoch=epoch)

    assert [each.code for each in later] == ["waiting"]
    await again(li, li.create("customer", customer, name="老街茶庄"))
    assert (await held(li))["李店长"]["title"] == "店长"


async def test_a_record_brings_home_what_waits_also_when_its_device_had_heard_first(
    li: Device, wang: Device
) -> None:
    await restored(li, wang)
    customer = new_id()
    await again(wang, wang.create("note", new_id(), customer_id=str(customer), body="约好周三"))
    epoch = await present_epoch(li)

    await again(li, li.create("customer", customer, name="老街茶庄"), epoch=epoch)

    assert "约好周三" in await held(li)


async def test_what_waited_keeps_the_time_of_its_own_push(li: Device, wang: Device) -> None:
    """Of two pushes that waited the later one is not as old as the first."""
    await restored(li, wang)
    customer = new_id()
    await again(wang, wang.edit("customer", customer, city="无锡市"))
    li.later(60)
    made = li.create("customer", customer, name="老街茶庄")
    told = li.edit("customer", customer, level="B")
    wang.later(3600)
    await again(wang, wang.edit("customer", customer, level="A"))
    li.later(3600)

    await again(li, made, told)

    # Both wrote the level unseen, and Wang an hour after Li.
    assert (await held(li))["老街茶庄"]["level"] == "A"


async def test_an_intent_beside_an_op_that_waits_is_decided(li: Device, wang: Device) -> None:
    await restored(li, wang)

    outcomes = await again(
        wang,
        wang.edit("customer", new_id(), city="无锡市"),
        Intent(number=2, id=str(new_id()), name="nobody.knows", at_ms=0),
    )

    assert [each.code for each in outcomes] == ["waiting", "intent_unknown"]


async def test_what_is_asked_about_a_record_that_waits_is_refused_and_told(
    li: Device, wang: Device
) -> None:
    """It was done in the earlier life, and Wang may ask again once the record is there."""
    await restored(li, wang)
    customer, case = new_id(), new_id()
    made = wang.create("service_case", case, customer_id=str(customer), subject="不制冷")
    said = Intent(
        number=2,
        id=str(new_id()),
        name="service_case.comment",
        args={"case_id": str(case), "text": "来过"},
        at_ms=0,
    )

    outcomes = await again(wang, made, said)

    assert [each.code for each in outcomes] == ["waiting", "dependency_rejected"]
    await again(li, li.create("customer", customer, name="老街茶庄"))
    assert [each.code for each in await again(wang, made, said)] == [
        "applied",
        "dependency_rejected",
    ]


async def test_what_waits_follows_its_customer_into_another_one(li: Device, wang: Device) -> None:
    old, into, store = new_id(), new_id(), new_id()
    await li.push(
        li.create("customer", old, name="老街茶荘"), li.create("customer", into, name="老街茶庄")
    )
    await restored(li, wang)
    made = wang.create(
        "contact", new_id(), customer_id=str(old), store_id=str(store), name="李店长"
    )
    assert [each.code for each in await again(wang, made)] == ["waiting"]
    await merging.merge(li.actor, old, into, now=li.later())

    await again(li, li.create("store", store, customer_id=str(old), name="一店"))

    assert (await held(li))["李店长"]["customer_id"] == str(into)


async def test_an_edit_of_what_is_there_does_not_wait_for_what_it_names(
    li: Device, wang: Device
) -> None:
    """Settled later, it would come behind what the same phone wrote there since."""
    customer, contact, store = new_id(), new_id(), new_id()
    await li.push(
        li.create("customer", customer, name="老街茶庄"),
        li.create("contact", contact, customer_id=str(customer), name="李店长"),
    )
    await restored(li, wang)

    outcomes = await again(wang, wang.edit("contact", contact, store_id=str(store)))

    assert [each.code for each in outcomes] == ["reference_missing"]
    assert outcomes[0].status is Status.REJECTED


async def test_what_was_taken_is_kept_when_its_author_has_left(
    tenant: Tenant, li: Device, wang: Device
) -> None:
    await restored(li, wang)
    customer = new_id()
    await again(wang, wang.create("note", new_id(), customer_id=str(customer), body="约好周三"))
    await identity.disable_user(tenant.owner, wang.actor.user_id, now=NOW)

    await again(li, li.create("customer", customer, name="老街茶庄"))

    assert "约好周三" in await held(li)


async def test_what_came_of_it_is_told_when_the_op_is_sent_again(li: Device, wang: Device) -> None:
    await restored(li, wang)
    customer = new_id()
    early = wang.edit("customer", customer, city="无锡市")
    await again(wang, early)

    await again(li, li.create("customer", customer, name="老街茶庄"))

    outcome = (await again(wang, early))[0]
    assert (outcome.status, outcome.code) == (Status.APPLIED, "applied")
    assert outcome.seq is not None


async def test_what_is_refused_later_is_told_as_well(
    database: Settings, tenant: Tenant, li: Device
) -> None:
    """The record came back in somebody else's hands."""
    own = await make_device(database, tenant, scope=Scope.MINE)
    await restored(li, own)
    customer = new_id()
    early = own.edit("customer", customer, city="无锡市")
    assert [each.code for each in await again(own, early)] == ["waiting"]

    await again(li, li.create("customer", customer, name="老街茶庄"))

    outcome = (await again(own, early))[0]
    assert (outcome.status, outcome.code) == (Status.REJECTED, "not_found")
    assert "无锡市" not in str(await held(li))


async def test_what_comes_home_within_the_push_that_brings_it_is_answered_at_once(
    li: Device, wang: Device
) -> None:
    """Li's edit waits for the contact that Wang's phone sends, which waits for Li's customer."""
    await restored(li, wang)
    customer, contact = new_id(), new_id()
    await again(wang, wang.create("contact", contact, customer_id=str(customer), name="李店长"))
    ops: list[ReceivedOp] = [
        li.edit("contact", contact, title="店长"),
        li.create("customer", customer, name="老街茶庄"),
    ]

    outcomes = await again(li, *ops)

    assert [each.code for each in outcomes] == ["applied", "applied"]
    assert await again(li, *ops) == outcomes
    assert (await held(li))["李店长"]["title"] == "店长"


async def test_a_group_waits_for_all_that_it_lacks(li: Device, wang: Device) -> None:
    await restored(li, wang)
    near, far = new_id(), new_id()
    edits = [wang.edit("customer", each, city="无锡市") for each in (near, far)]
    numbers = (edits[0].number, edits[1].number)
    group: list[ReceivedOp] = [msgspec.structs.replace(each, group=numbers) for each in edits]
    assert [each.code for each in await again(wang, *group)] == ["waiting"] * 2

    for each in (far, near):
        assert [outcome.code for outcome in await again(wang, *group)] == ["waiting"] * 2
        await again(li, li.create("customer", each, name=f"客户{each.hex[-8:]}"))

    assert [outcome.code for outcome in await again(wang, *group)] == ["applied"] * 2
    assert {fields["city"] for fields in (await held(li)).values()} == {"无锡市"}


async def test_without_a_restoration_nothing_waits(li: Device) -> None:
    outcome = await li.outcome(li.edit("customer", new_id(), city="无锡市"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, "not_found")


async def test_a_record_out_of_sight_is_not_waited_for(
    database: Settings, tenant: Tenant, wang: Device
) -> None:
    stranger = await make_device(database, tenant, scope=Scope.MINE)
    customer = new_id()
    await stranger.push(stranger.create("customer", customer, name="别人的客户"))
    own = await make_device(database, tenant, scope=Scope.MINE)
    await restored(own)

    outcomes = await again(
        own,
        own.edit("customer", customer, city="无锡市"),
        own.create("note", new_id(), customer_id=str(customer), body="约好周三"),
        own.edit("customer", new_id(), city="苏州市"),
    )

    assert [each.code for each in outcomes] == ["not_found", "parent_missing", "waiting"]
    assert await waiting(tenant) == 1


async def test_an_epoch_from_the_future_is_refused_and_nothing_is_settled(li: Device) -> None:
    now = li.later()
    op = li.create("customer", new_id(), name="老街茶庄")
    soon = int(now.timestamp()) + 2 * 24 * 3600
    push = msgspec.structs.replace(frame([op], now), epoch=soon)

    with pytest.raises(EpochUnknown):
        await sync.push(li.actor, push, now=now)

    assert await held(li) == {}
    assert (await li.outcome(op)).code == "applied"


async def test_an_epoch_that_a_second_restoration_forgot_is_a_restoration_all_the_same(
    tenant: Tenant, li: Device
) -> None:
    """The backup is older than the epoch that the device heard of."""
    now = li.later()
    op = li.edit("customer", new_id(), city="无锡市")
    push = msgspec.structs.replace(frame([op], now), epoch=int(now.timestamp()) - 3600)

    answer = await sync.push(li.actor, push, now=now)

    assert [each.code for each in answer.outcomes] == ["waiting"]
    assert await waiting(tenant) == 1


@pytest.mark.parametrize("orphans", [Orphans(of_device=3), Orphans(of_tenant=3)])
async def test_only_so_many_ops_wait_and_the_rest_is_refused(
    tenant: Tenant, li: Device, orphans: Orphans
) -> None:
    room = msgspec.structs.replace(HERE, orphans=orphans)
    await restored(li)

    async def send(count: int) -> list[Outcome]:
        ops = [li.edit("customer", new_id(), city="无锡市") for _ in range(count)]
        now = li.later()
        push = msgspec.structs.replace(frame([*ops, made(li)], now), epoch=1)
        return (await sync.push(li.actor, push, now=now, room=room)).outcomes

    first, second = await send(3), await send(1)

    assert [each.code for each in first] == ["waiting"] * 3 + ["applied"]
    assert [(each.status, each.code) for each in second] == [
        (Status.REJECTED, "waiting_full"),
        (Status.APPLIED, "applied"),
    ]
    assert await waiting(tenant) == 3


async def test_what_has_waited_for_too_long_is_given_up_and_the_trail_says_so(
    tenant: Tenant, li: Device
) -> None:
    await restored(li)
    early = li.edit("customer", new_id(), city="无锡市")
    await again(li, early)

    await collection.collect(tenant.tenant_id, now=NOW + KEEP)
    assert await waiting(tenant) == 1
    await collection.collect(tenant.tenant_id, now=NOW + KEEP + timedelta(minutes=1))

    assert await waiting(tenant) == 0
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        row = await db.connection().fetchrow(
            "SELECT detail->>'ops' AS ops FROM audit_entry WHERE action = 'waiting_ops.given_up'"
        )
    assert row is not None
    assert row["ops"] == "1"
    outcome = (await again(li, early))[0]
    assert (outcome.status, outcome.code) == (Status.REJECTED, "waiting_ended")


def made(phone: Device) -> ReceivedOp:
    """Give an op that needs nobody."""
    return phone.create("customer", new_id(), name="自己的客户")


async def waiting(tenant: Tenant) -> int:
    """Count the ops that wait."""
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        return int(await db.connection().fetchval("SELECT count(*) FROM orphan_op"))
