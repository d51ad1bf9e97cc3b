"""Two customers that are one: everything finds its way to the one that stays."""

import asyncio
import contextvars
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.access import Scope
from server.benefits import queries as benefits
from server.benefits.schemas import BenefitFilters
from server.customers import queries as service_queries
from server.customers import service
from server.kit import db
from server.kit.errors import NotFound
from server.settings import Settings
from server.sync import merging
from server.sync import queries as inbox
from server.sync.merging import ChoiceUnknown, MergeOutdated, MergeWithItself
from server.sync.schemas import Choice
from server.sync.unmerging import unmerge
from sync_protocol.messages import Intent, Outcome, ReceivedOp, Status
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of whoever merges."""
    return await make_device(database, tenant)


@pytest.fixture
async def away(database: Settings, tenant: Tenant) -> Device:
    """A phone that is offline meanwhile."""
    return await make_device(database, tenant)


async def two(phone: Device) -> tuple[UUID, UUID]:
    """Make a customer twice, each with something that the other lacks."""
    old, into = new_id(), new_id()
    await phone.push(
        phone.create("customer", old, name="老街茶荘", phone="+8613800138001", city="苏州市"),
        phone.create("customer", into, name="老街茶庄", city="无锡市"),
        phone.create("store", new_id(), customer_id=str(old), name="一店"),
        phone.create("contact", new_id(), customer_id=str(old), name="李店长"),
        phone.create("note", new_id(), customer_id=str(old), body="约好周三"),
        phone.create("note", new_id(), customer_id=str(into), body="约好周四"),
    )
    return old, into


def children(device: Device) -> dict[str, str]:
    """Give whose each record is, by its name or text."""
    return {
        str(fields.get("name") or fields["body"]): fields["customer_id"]
        for (kind, _), fields in device.replica.items()
        if kind in {"store", "contact", "note"}
    }


def customers(device: Device) -> dict[str, dict[str, Any]]:
    """Give the customers that a device shows."""
    return {key: fields for (kind, key), fields in device.replica.items() if kind == "customer"}


async def test_what_belonged_to_the_one_belongs_to_the_other(phone: Device, away: Device) -> None:
    old, into = await two(phone)
    for device in (phone, away):
        await device.pull()

    view = await merging.merge(phone.actor, old, into, now=phone.later())

    assert view.moved == 3
    for device in (phone, away):
        await device.pull()
        assert set(customers(device)) == {str(into)}
        assert customers(device)[str(into)]["phone"] == "+8613800138001"
        assert children(device) == dict.fromkeys(
            ["一店", "李店长", "约好周三", "约好周四"], str(into)
        )
        assert device.replica == await device.snapshot()
    found = await inbox.conflicts(phone.actor, customer_id=into)
    assert {(each.field, each.kept, each.other) for each in found.items} == {
        ("name", "老街茶庄", "老街茶荘"),
        ("city", "无锡市", "苏州市"),
    }
    # Asked again, it answers the same and does nothing.
    assert await merging.merge(phone.actor, old, into, now=phone.later()) == view


async def test_of_the_same_merge_asked_for_at_once_all_hear_the_same(phone: Device) -> None:
    old, into = await two(phone)
    now = phone.later()

    heard = await asyncio.gather(
        *(merging.merge(phone.actor, old, into, now=now) for _ in range(3))
    )

    assert heard == [heard[0]] * 3


async def test_what_the_one_was_remarked_is_kept(phone: Device) -> None:
    old, into, third = new_id(), new_id(), new_id()
    await phone.push(
        phone.create("customer", old, name="茶荘", remark="爱喝龙井"),
        phone.create("customer", into, name="茶庄", remark="周三送货"),
        phone.create("customer", third, name="茶莊"),
    )

    await merging.merge(phone.actor, old, into, now=phone.later())
    await merging.merge(phone.actor, into, third, now=phone.later())

    await phone.pull()
    assert customers(phone)[str(third)]["remark"] == "周三送货"
    found = await inbox.conflicts(phone.actor, customer_id=third)
    assert ("remark", "周三送货", "爱喝龙井") in {
        (each.field, each.kept, each.other) for each in found.items
    }


@pytest.mark.parametrize("own", [None, "要发票"])
async def test_a_remark_is_kept_like_any_text(phone: Device, own: str | None) -> None:
    old, into = await two(phone)
    said = [phone.edit("customer", old, remark="周三到货")]
    if own:
        said.append(phone.edit("customer", into, remark=own))
    await phone.push(*said)

    await merging.merge(phone.actor, old, into, now=phone.later())

    await phone.pull()
    assert customers(phone)[str(into)]["remark"] == (own or "周三到货")
    told = [each.other for each in (await inbox.conflicts(phone.actor)).items]
    assert ("周三到货" in told) == bool(own)


async def test_ops_that_still_name_the_one_reach_the_other(phone: Device, away: Device) -> None:
    first, old = await two(phone)
    into = new_id()
    await phone.push(phone.create("customer", into, name="老街茶庄总店"))
    await away.pull()
    await merging.merge(phone.actor, first, old, now=phone.later())
    await merging.merge(phone.actor, old, into, now=phone.later())

    early: list[ReceivedOp] = [
        away.edit("customer", first, level="A"),
        away.create("note", new_id(), customer_id=str(first), body="离线写的"),
        away.delete("customer", old),
    ]
    answer = await away.push(*early)

    assert [each.status for each in answer.outcomes][:2] == [Status.APPLIED] * 2
    assert (await away.push(*early)).outcomes == answer.outcomes
    await away.pull()
    assert set(customers(away)) == {str(into)}
    assert customers(away)[str(into)]["level"] == "A"
    assert children(away)["离线写的"] == str(into)


async def test_a_merge_may_be_asked_for_offline(phone: Device, away: Device) -> None:
    old, into = await two(phone)
    phone.number += 1
    intent = Intent(
        number=phone.number,
        id=str(new_id()),
        name="customers.merge",
        args={"customer_id": str(old), "into_id": str(into)},
        at_ms=0,
    )

    outcome = await phone.outcome(intent)

    assert outcome.status is Status.APPLIED
    await away.pull()
    assert set(customers(away)) == {str(into)}


async def test_the_id_of_another_merge_is_refused(phone: Device) -> None:
    first, second, id_ = await two(phone), await two(phone), str(new_id())
    outcomes = []
    for old, into in (first, second):
        phone.number += 1
        args = {"customer_id": str(old), "into_id": str(into)}
        merge = Intent(number=phone.number, id=id_, name="customers.merge", args=args, at_ms=0)
        outcomes.append(await phone.outcome(merge))

    assert [each.code for each in outcomes] == ["applied", "id_reused"]
    await phone.pull()
    assert set(customers(phone)) == {str(first[1]), *map(str, second)}


async def test_benefits_and_provenance_follow(tenant: Tenant, phone: Device) -> None:
    old, into = await two(phone)
    program = await stories.make_program()
    await stories.request(phone.actor, old, program.id)

    view = await merging.merge(phone.actor, old, into, now=phone.later())

    listed = await benefits.benefits(phone.actor, BenefitFilters(customer_id=into))
    assert len(listed.items) == 1
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        kept = await db.connection().fetchrow(
            "SELECT filled::text, repointed::text FROM customer_merge WHERE id = $1", view.id
        )
    assert kept is not None
    assert '"phone": null' in kept["filled"]
    assert f'"benefit_request.customer_id": ["{listed.items[0].id}"]' in kept["repointed"]


async def test_who_does_not_see_both_does_not_merge(
    tenant: Tenant, rival: Tenant, phone: Device
) -> None:
    old, into = await two(phone)

    for actor, one, other in [
        (rival.owner, old, into),
        (phone.actor, old, new_id()),
        (phone.actor, new_id(), into),
    ]:
        with pytest.raises(NotFound):
            await merging.merge(actor, one, other, now=NOW)
    with pytest.raises(MergeWithItself):
        await merging.merge(phone.actor, old, old, now=NOW)
    await phone.pull()
    assert set(customers(phone)) == {str(old), str(into)}


async def test_what_the_one_that_stayed_said_is_not_overwritten_unseen(
    phone: Device, away: Device
) -> None:
    old, into = await two(phone)
    await away.pull()
    await merging.merge(phone.actor, old, into, now=phone.later())

    # Written into the one; nobody meant the other's city, and nobody has said its level.
    outcome = await away.outcome(away.edit("customer", old, city="常州市", level="A"))

    await away.pull()
    shown = customers(away)[str(into)]
    found = await inbox.conflicts(phone.actor, customer_id=into)
    about_city = [(each.kept, each.other) for each in found.items if each.field == "city"]
    assert outcome.status is Status.MERGED
    assert (shown["city"], shown["level"]) == ("常州市", "A")
    assert sorted(about_city) == [("常州市", "无锡市"), ("无锡市", "苏州市")]
    assert "level" not in {each.field for each in found.items}


async def test_who_is_brought_back_is_written_into_again_and_merged_again(
    tenant: Tenant, phone: Device
) -> None:
    old, into = await two(phone)
    first = await merging.merge(phone.actor, old, into, now=phone.later())
    await service.restore(tenant.owner, old, now=phone.later())
    await phone.pull()

    await phone.push(
        phone.edit("customer", old, level="A"),
        phone.create("note", new_id(), customer_id=str(old), body="原来是两家"),
    )

    await phone.pull()
    assert {key: each["level"] for key, each in customers(phone).items()} == {
        str(old): "A",
        str(into): None,
    }
    assert children(phone)["原来是两家"] == str(old)
    second = await merging.merge(phone.actor, old, into, now=phone.later())
    assert second.seq > first.seq
    await phone.push(phone.edit("customer", old, level="B"))
    await phone.pull()
    assert customers(phone)[str(into)]["level"] == "B"


async def meanwhile(phone: Device, op: ReceivedOp) -> "asyncio.Task[Outcome]":
    """Let a phone send an op, and see that it waits for what the open transaction holds."""

    async def is_waiting() -> bool:
        async with db.global_transaction():
            return bool(
                await db.connection().fetchval(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )

    sent = asyncio.create_task(phone.outcome(op), context=contextvars.Context())
    while not await asyncio.create_task(is_waiting(), context=contextvars.Context()):
        assert not sent.done(), "nothing held it up"
    return sent


async def test_what_comes_while_customers_are_merged_is_led_to_the_one_that_stays(
    tenant: Tenant, phone: Device, away: Device
) -> None:
    old, into = await two(phone)
    await away.pull()

    async with db.tenant_transaction(tenant.tenant_id):
        await merging.merge(phone.actor, old, into, now=phone.later())
        sent = await meanwhile(away, away.create("note", new_id(), customer_id=str(old), body="快"))

    assert (await sent).status is Status.APPLIED
    await away.pull()
    assert children(away)["快"] == str(into)


async def test_nobody_writes_out_of_sight_while_customers_are_merged(
    database: Settings, tenant: Tenant, phone: Device
) -> None:
    old, into = await two(phone)
    contact = new_id()
    await phone.push(phone.create("contact", contact, customer_id=str(old), name="王店长"))
    spy = await make_device(database, tenant, scope=Scope.MINE)

    async with db.tenant_transaction(tenant.tenant_id):
        await merging.merge(phone.actor, old, into, now=phone.later())
        spied = await meanwhile(spy, spy.edit("contact", contact, name="偷改"))

    assert (await spied).code == "not_found"
    await phone.pull()
    assert children(phone)["王店长"] == str(into)


async def test_who_sees_a_contact_may_write_it_while_customers_are_merged(
    tenant: Tenant, phone: Device, away: Device
) -> None:
    old, into = await two(phone)
    contact = new_id()
    await phone.push(phone.create("contact", contact, customer_id=str(old), name="王店长"))
    await away.pull()

    async with db.tenant_transaction(tenant.tenant_id):
        await merging.merge(phone.actor, old, into, now=phone.later())
        sent = await meanwhile(away, away.edit("contact", contact, name="王经理"))

    assert (await sent).status is Status.APPLIED
    await away.pull()
    assert children(away)["王经理"] == str(into)


async def test_the_value_that_was_chosen_stands_and_the_merge_is_taken_back_exactly(
    phone: Device,
) -> None:
    old, into = await two(phone)
    seen = await inbox.preview(phone.actor, old, into)
    before = await storage_of(phone, into)

    choices: dict[str, Choice] = {"name": "kept", "city": "other"}
    view = await merging.merge(
        phone.actor, old, into, choices=choices, as_of=seen.as_of, now=phone.later()
    )

    assert {line.field for line in seen.fields if line.is_open} == {"name", "city"}
    assert seen.moves == {"store": 1, "contact": 1, "note": 1}
    held = await service_queries.one(phone.actor, into)
    assert (held.name, held.city, held.phone) == ("老街茶庄", "苏州市", "+8613800138001")
    # Somebody has decided: nothing waits in the inbox.
    assert (await inbox.conflicts(phone.actor)).items == []
    await unmerge(phone.actor, into, view.id, now=phone.later())
    assert await storage_of(phone, into) == before


async def test_nothing_is_chosen_from_values_that_were_changed_since(phone: Device) -> None:
    old, into = await two(phone)
    seen = await inbox.preview(phone.actor, old, into)
    await phone.push(phone.edit("customer", old, city="昆山市"))

    for as_of in (seen.as_of, None):
        with pytest.raises(MergeOutdated):
            await merging.merge(
                phone.actor, old, into, choices={"city": "kept"}, as_of=as_of, now=phone.later()
            )

    assert (await service_queries.one(phone.actor, old)).city == "昆山市"


async def test_a_choice_of_a_field_that_has_no_two_values_is_refused(phone: Device) -> None:
    old, into = await two(phone)

    with pytest.raises(ChoiceUnknown) as refused:
        await merging.merge(
            phone.actor, old, into, choices={"owner_id": "other"}, now=phone.later()
        )

    assert refused.value.field == "choices.owner_id"


async def storage_of(phone: Device, customer_id: UUID) -> dict[str, Any]:
    """Read a customer as it is held, whoever wrote it when."""
    held = await service_queries.one(phone.actor, customer_id)
    told = {"seq", "updated_at", "updated_by"}
    return {name: value for name, value in msgspec.structs.asdict(held).items() if name not in told}


async def test_what_a_phone_wrote_on_the_one_that_stays_is_kept_beside_what_it_meant_for_the_other(
    phone: Device, away: Device
) -> None:
    old, into = await two(phone)
    await away.pull()
    await away.push(away.edit("customer", into, phone="+8613800138002"))
    await away.pull()
    await merging.merge(phone.actor, old, into, now=phone.later())

    outcome = await away.outcome(away.edit("customer", old, phone="+8613800138009"))

    assert (outcome.status, outcome.code) == (Status.MERGED, "merged")
    await phone.pull()
    told = [fields for (kind, _), fields in phone.replica.items() if kind == "conflict"]
    held = phone.replica["customer", str(into)]["phone"]
    about = next(fields for fields in told if "+8613800138009" in {fields["kept"], fields["other"]})
    assert (about["kept"], about["other"]) == (held, "+8613800138002")


async def test_a_photo_of_the_one_shows_the_other(phone: Device, away: Device) -> None:
    old, into = await two(phone)
    photo = new_id()
    await merging.merge(phone.actor, old, into, now=phone.later())

    await away.push(
        away.create(
            "attachment",
            photo,
            customer_id=str(old),
            subject_kind="customer",
            subject_id=str(old),
            media_type="image/jpeg",
            size=10,
            sha256="0" * 64,
        )
    )

    await phone.pull()
    fields = phone.replica["attachment", str(photo)]
    assert (fields["customer_id"], fields["subject_id"]) == (str(into), str(into))
