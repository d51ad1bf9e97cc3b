"""What a push promises: each op once, both values kept, nobody's rows but one's own."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from server.access import Role, Scope
from server.changelog.conflicts import ConflictSettled
from server.changelog.custom import CustomValueTaken
from server.customers import service as customers
from server.kit import clock, db
from server.settings import Settings
from server.sync import inbox, queries, rules
from server.sync import service as sync
from sync_protocol.messages import Code, Intent, ReceivedOp, Status
from tests.factories import Tenant, new_id
from tests.server.customers.custom.stories import field
from tests.server.sync.devices import Device, frame, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """A rep's phone; the rep sees the team's customers."""
    return await make_device(database, tenant)


@pytest.fixture
async def other(database: Settings, tenant: Tenant) -> Device:
    """A colleague's phone, in the same team."""
    return await make_device(database, tenant)


async def test_a_push_that_comes_twice_has_one_effect_and_one_answer(phone: Device) -> None:
    customer_id = new_id()
    ops: list[ReceivedOp] = [
        phone.create("customer", customer_id, name="江阴海澜配送"),
        phone.edit("customer", customer_id, city="无锡市"),
    ]

    first = await phone.push(*ops)
    again = await phone.push(*ops)

    assert [outcome.status for outcome in first.outcomes] == [Status.APPLIED, Status.APPLIED]
    assert again.outcomes == first.outcomes
    assert again.acknowledged == first.acknowledged == 2
    async with db.tenant_transaction(phone.actor.tenant_id):
        assert (
            await db.connection().fetchval(
                "SELECT count(*) FROM change WHERE record_id = $1", customer_id
            )
            == 1
        )


async def test_ten_copies_of_a_push_at_once_have_one_effect(phone: Device) -> None:
    ops = [phone.create("customer", new_id(), name=f"太仓物流 {n}") for n in range(20)]
    now = phone.later()

    answers = await asyncio.gather(
        *(sync.push(phone.actor, frame(ops, now), now=now) for _ in range(10))
    )

    assert len({msgspec.json.encode(answer.outcomes) for answer in answers}) == 1
    await phone.pull()
    assert len(phone.replica) == 20


async def test_a_number_that_was_settled_for_another_op_is_told(phone: Device) -> None:
    await phone.push(phone.create("customer", new_id(), name="昆山富士电线"))
    phone.number = 0

    outcome = await phone.outcome(phone.create("customer", new_id(), name="常州天合塑业"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, Code.NUMBER_REUSED)


async def test_an_op_is_known_under_the_number_of_another_life(phone: Device) -> None:
    await phone.push(phone.create("customer", new_id(), name="昆山富士电线"))
    phone.number = 0
    pending = phone.create("customer", new_id(), name="常州天合塑业")
    assert (await phone.outcome(pending)).code == Code.NUMBER_REUSED
    settled = await phone.outcome(msgspec.structs.replace(pending, number=2))

    again = await phone.outcome(pending)

    assert again == msgspec.structs.replace(settled, number=1)
    assert settled.status == Status.APPLIED
    await phone.pull()
    assert len(phone.replica) == 2


async def test_a_group_is_known_under_the_numbers_of_another_life(phone: Device) -> None:
    await phone.push(phone.create("customer", new_id(), name="昆山富士电线"))
    phone.number = 0
    made = [phone.create("customer", new_id(), name=name) for name in ("常州天合塑业", "吴中医药")]
    pending = [msgspec.structs.replace(each, group=(1, 2)) for each in made]
    renumbered = [
        msgspec.structs.replace(each, number=each.number + 1, group=(2, 3)) for each in pending
    ]
    settled = (await phone.push(*renumbered)).outcomes

    again = (await phone.push(*pending)).outcomes

    assert again == [msgspec.structs.replace(each, number=each.number - 1) for each in settled]
    assert [each.status for each in settled] == [Status.APPLIED] * 2


async def test_what_follows_an_intent_is_settled_behind_it(phone: Device) -> None:
    customer, case = new_id(), new_id()
    await phone.push(
        phone.create("customer", customer, name="昆山富士电线"),
        phone.create("service_case", case, customer_id=str(customer), subject="不制冷"),
    )
    said = Intent(
        number=3,
        id=str(new_id()),
        name="service_case.comment",
        args={"case_id": str(case), "text": "来过"},
        at_ms=clock.to_ms(phone.now),
    )
    phone.number = 3
    ops: list[ReceivedOp] = [said, phone.delete("customer", customer)]

    answer = await phone.push(*ops)

    assert [(each.number, each.code) for each in answer.outcomes] == [
        (3, "applied"),
        (4, "applied"),
    ]
    assert answer.acknowledged == 4
    assert (await phone.push(*ops)).outcomes == answer.outcomes


async def test_a_gap_in_the_numbers_is_refused_whole(phone: Device) -> None:
    phone.number = 5

    with pytest.raises(rules.OutOfOrder) as refused:
        await phone.push(phone.create("customer", new_id(), name="吴中医药"))

    assert refused.value.extra == {"acknowledged": 0}
    await phone.pull()
    assert phone.replica == {}


async def test_two_who_did_not_see_each_other_keep_both_values(
    phone: Device, other: Device
) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="盛泽纺织", remark="初次到访"))
    await phone.pull()
    await other.pull()
    mine = phone.edit("customer", customer_id, remark="老板姓施", city="苏州市")
    other.later(60)
    theirs = other.edit("customer", customer_id, remark="下周三再来", industry="纺织")

    assert (await other.outcome(theirs)).status is Status.APPLIED
    outcome = await phone.outcome(mine)

    assert outcome.status is Status.MERGED
    await phone.pull()
    await other.pull()
    assert phone.replica == other.replica
    held = phone.replica["customer", str(customer_id)]
    assert (held["remark"], held["city"], held["industry"]) == ("下周三再来", "苏州市", "纺织")
    (conflict,) = [fields for (kind, _), fields in phone.replica.items() if kind == "conflict"]
    assert (conflict["kept"], conflict["other"]) == ("下周三再来", "老板姓施")
    assert (conflict["kept_by"], conflict["other_by"]) == (
        str(other.actor.user_id),
        str(phone.actor.user_id),
    )


async def test_the_second_frame_of_a_queue_is_not_taken_for_new(
    phone: Device, other: Device
) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="无锡精工", remark="一"))
    await phone.pull()
    await other.pull()
    early = [
        phone.edit("customer", customer_id, city="无锡"),
        phone.edit("customer", customer_id, remark="先写的"),
    ]
    other.later(60)
    await other.push(other.edit("customer", customer_id, remark="后写的"))

    phone.later(120)
    for op in early:
        await phone.push(op)

    await phone.pull()
    assert phone.replica["customer", str(customer_id)]["remark"] == "后写的"


async def test_a_base_of_before_a_restoration_has_seen_nothing(
    phone: Device, other: Device
) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="南通家纺"))
    await other.pull()
    await phone.push(phone.edit("customer", customer_id, name="南通家纺城"))
    stale = other.edit("customer", customer_id, name="通州家纺")
    stale = msgspec.structs.replace(stale, base=10**6)
    now = other.later()

    answer = await sync.push(
        other.actor, msgspec.structs.replace(frame([stale], now), epoch=7), now=now
    )

    assert [outcome.status for outcome in answer.outcomes] == [Status.MERGED]


async def test_a_restored_value_is_held_again_and_the_conflict_is_settled(
    phone: Device, other: Device
) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="镇江恒顺"))
    await other.pull()
    await phone.push(phone.edit("customer", customer_id, name="镇江酱醋"))
    await other.push(other.edit("customer", customer_id, name="恒顺酱醋"))
    (open_conflict,) = (await queries.conflicts(phone.actor)).items

    settled = await inbox.resolve(phone.actor, open_conflict.id, is_restore=True, now=phone.later())

    assert settled.state == "restored"
    await other.pull()
    assert other.replica["customer", str(customer_id)]["name"] == open_conflict.other
    assert (await queries.conflicts(phone.actor)).items == []
    again = await inbox.resolve(phone.actor, open_conflict.id, is_restore=True, now=phone.later())
    assert again == settled
    with pytest.raises(ConflictSettled):
        await inbox.resolve(other.actor, open_conflict.id, is_restore=False, now=other.later())


async def test_ones_own_chain_of_edits_is_no_conflict(phone: Device) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="一"))

    outcomes = [
        await phone.outcome(phone.edit("customer", customer_id, name=name)) for name in "二三四"
    ]

    assert {outcome.status for outcome in outcomes} == {Status.APPLIED}
    assert (await queries.conflicts(phone.actor)).items == []


async def test_a_refused_op_does_not_stop_the_others(phone: Device) -> None:
    good, orphan = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", new_id(), name=""),
        phone.create("contact", orphan, customer_id=str(new_id()), name="邱卫东"),
        phone.create("customer", good, name="宜兴紫砂"),
        phone.create("customer", new_id(), name="南通家纺", uscc="123"),
    )

    assert [outcome.status for outcome in answer.outcomes] == [
        Status.REJECTED,
        Status.DEPENDENCY_REJECTED,
        Status.APPLIED,
        Status.REJECTED,
    ]
    assert answer.outcomes[0].field == "name"
    assert answer.acknowledged == 4
    await phone.pull()
    assert set(phone.replica) == {("customer", str(good))}


async def test_out_of_sight_is_not_there(database: Settings, tenant: Tenant, phone: Device) -> None:
    loner = await make_device(database, tenant, scope=Scope.MINE)
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="张家港保税仓储"))

    edited = await loner.outcome(loner.edit("customer", customer_id, name="我的"))
    noted = await loner.outcome(
        loner.create("note", new_id(), customer_id=str(customer_id), body="来过")
    )

    assert (edited.status, edited.code) == (Status.REJECTED, Code.NOT_FOUND)
    assert noted.status is Status.DEPENDENCY_REJECTED
    await loner.pull()
    assert loner.replica == {}


async def test_a_rival_tenant_neither_reads_nor_writes(
    database: Settings, rival: Tenant, phone: Device
) -> None:
    stranger = await make_device(database, rival, role=Role.AGENT_OWNER, scope=Scope.TENANT)
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="苏州工艺"))

    edited = await stranger.outcome(stranger.edit("customer", customer_id, name="抢来的"))
    # The same id in another tenant is another record; the first is untouched.
    made = await stranger.outcome(stranger.create("customer", customer_id, name="抢来的"))

    assert edited.code == Code.NOT_FOUND
    assert made.status is Status.APPLIED
    await phone.pull()
    assert phone.replica["customer", str(customer_id)]["name"] == "苏州工艺"


async def test_a_rep_hands_nobody_over(phone: Device, other: Device) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="相城汽配"))

    outcome = await phone.outcome(
        phone.edit("customer", customer_id, owner_id=str(other.actor.user_id))
    )

    assert (outcome.status, outcome.code, outcome.field) == (
        Status.REJECTED,
        Code.NOT_ALLOWED,
        "owner_id",
    )


async def test_statements_do_not_grow_with_the_edits(phone: Device) -> None:
    customers = [new_id() for _ in range(40)]
    await phone.push(
        *(phone.create("customer", each, name=f"客户 {each.hex[-4:]}") for each in customers)
    )

    one = await _statements(phone, 1, customers)
    forty = await _statements(phone, 40, customers)

    assert one == forty <= 20


async def _statements(phone: Device, count: int, customers: list[UUID]) -> int:
    """Count the statements of a push of so many edits, the doors' own included."""
    ops = [
        phone.edit("customer", str(each), remark=f"第 {phone.number} 次")
        for each in customers[:count]
    ]
    now = phone.later()
    seen: list[str] = []
    async with db.tenant_transaction(phone.actor.tenant_id) as transaction:
        transaction.connection.add_query_logger(lambda record: seen.append(record.query))
        answer = await sync.push(phone.actor, frame(ops, now), now=now)
        transaction.connection._query_loggers.clear()
    assert {outcome.status for outcome in answer.outcomes} == {Status.APPLIED}
    return len(seen)


async def test_a_word_beneath_a_customer_that_was_not_seen_holds_its_deletion_up(
    phone: Device, other: Device
) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="无锡尚德物业"))
    await other.pull()
    contact = other.create("contact", new_id(), customer_id=str(customer_id), name="李娜")
    await other.push(contact)

    outcome = await phone.outcome(phone.delete("customer", customer_id))
    conflict = (await phone.snapshot())["conflict", outcome.conflicts[0]]
    await phone.pull()
    again = await phone.outcome(phone.delete("customer", customer_id))

    assert (outcome.status, outcome.code) == (Status.MERGED, Code.EDIT_WON)
    assert conflict["kept_by"] == str(other.actor.user_id)
    assert conflict["other_by"] == str(phone.actor.user_id)
    assert (again.status, again.code) == (Status.APPLIED, Code.APPLIED)


async def test_what_was_written_by_a_clock_of_1970_is_no_older_than_the_phone(
    phone: Device,
) -> None:
    customer_id, note_id, enrolled_at = new_id(), new_id(), phone.now
    await phone.push(phone.create("customer", customer_id, name="无锡尚德物业"))
    said = phone.create("note", note_id, customer_id=str(customer_id), body="先看样品")

    # The clock was set right before the phone came.
    await phone.push(msgspec.structs.replace(said, at_ms=0))

    note = (await phone.snapshot())["note", str(note_id)]
    assert note["written_at"] == clock.to_ms(enrolled_at)


@pytest.mark.parametrize("is_one_push", [True, False])
@pytest.mark.parametrize("kind", ["contact", "customer"])
async def test_a_value_that_a_deleter_wrote_over_unseen_holds_the_deletion_up(
    phone: Device, other: Device, kind: str, *, is_one_push: bool
) -> None:
    customer_id, contact_id = new_id(), new_id()
    await phone.push(
        phone.create("customer", customer_id, name="无锡尚德物业"),
        phone.create("contact", contact_id, customer_id=str(customer_id), name="李娜"),
    )
    await other.pull()
    record_id = contact_id if kind == "contact" else customer_id
    await other.push(other.edit(kind, record_id, name="她的话"))

    phone.later(10)
    won = phone.edit(kind, record_id, name="后来的话")
    if is_one_push:
        met, outcome = (await phone.push(won, phone.delete("customer", customer_id))).outcomes
    else:
        met = await phone.outcome(won)
        outcome = await phone.outcome(phone.delete("customer", customer_id))
    shown = await phone.snapshot()
    await phone.pull()
    again = await phone.outcome(phone.delete("customer", customer_id))

    assert (met.code, outcome.code) == (Code.MERGED, Code.EDIT_WON)
    assert shown["conflict", met.conflicts[0]]["other"] == "她的话"
    assert shown["conflict", outcome.conflicts[0]]["field"] == "deleted"
    assert again.code == Code.APPLIED


async def test_two_who_delete_what_a_third_had_changed_do_not_wait_for_each_other(
    phone: Device, other: Device
) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="无锡尚德物业"))
    await other.pull()
    await phone.push(phone.edit("customer", customer_id, name="改名了"))
    held_up = await other.outcome(other.delete("customer", customer_id))

    outcome = await phone.outcome(phone.delete("customer", customer_id))

    assert (held_up.code, outcome.code) == (Code.EDIT_WON, Code.APPLIED)


async def test_nothing_is_written_beneath_a_deleted_customer(phone: Device, other: Device) -> None:
    customer_id, contact_id = new_id(), new_id()
    await phone.push(
        phone.create("customer", customer_id, name="无锡尚德物业"),
        phone.create("contact", contact_id, customer_id=str(customer_id), name="李娜"),
    )
    await other.pull()
    await phone.push(phone.delete("customer", customer_id))

    refused = await other.outcome(other.edit("contact", contact_id, name="李娜娜"))
    revived = await other.push(
        other.edit("customer", customer_id, city="无锡市"),
        other.edit("contact", contact_id, name="李娜娜"),
    )

    assert refused.code == Code.PARENT_MISSING
    assert [each.code for each in revived.outcomes] == [Code.REVIVED, Code.APPLIED]


async def test_who_comes_back_does_not_have_what_another_was_given_since(
    tenant: Tenant, phone: Device, other: Device
) -> None:
    name = (await field(tenant.owner, is_unique=True)).name
    first, second = new_id(), new_id()
    await phone.push(phone.create("customer", first, name="甲店", **{name: "A-1"}))
    await other.pull()
    await phone.push(phone.delete("customer", first), phone.create("customer", second, name="乙店"))
    assert (await phone.outcome(phone.edit("customer", second, **{name: "A-1"}))).seq is not None

    outcome = await other.outcome(other.edit("customer", first, city="苏州市"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, "custom_value_taken")
    with pytest.raises(CustomValueTaken):
        await customers.restore(tenant.owner, first, now=phone.later())


async def test_a_value_that_must_be_unique_goes_on_to_another_within_a_push(
    tenant: Tenant, phone: Device
) -> None:
    name = (await field(tenant.owner, is_unique=True)).name
    first, second, third = new_id(), new_id(), new_id()
    ops: list[ReceivedOp] = [
        phone.create("customer", first, name="甲店", **{name: "A-1"}),
        phone.create("customer", second, name="乙店"),
        phone.edit("customer", first, **{name: None}),
        phone.edit("customer", second, **{name: "A-1"}),
        phone.delete("customer", second),
        phone.create("customer", third, name="丙店", **{name: "A-1"}),
    ]

    answer = await phone.push(*ops)

    assert [each.code for each in answer.outcomes] == ["applied"] * 6


async def test_what_a_refused_group_would_have_is_free(tenant: Tenant, phone: Device) -> None:
    name = (await field(tenant.owner, is_unique=True)).name
    first, second = new_id(), new_id()
    await phone.push(
        phone.create("customer", first, name="甲店"), phone.create("customer", second, name="乙店")
    )
    group = [
        msgspec.structs.replace(each, group=(3, 4))
        for each in (
            phone.edit("customer", first, **{name: "A-1"}),
            phone.edit("customer", new_id(), city="苏州市"),
        )
    ]

    answer = await phone.push(*group, phone.edit("customer", second, **{name: "A-1"}))

    assert [each.code for each in answer.outcomes] == ["group_rejected", "not_found", "applied"]
