"""A company adds sorts of records without code; each hangs beneath a customer."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from server.access import Actor, Scope
from server.customers import queries, service
from server.customers.custom import service as fields
from server.customers.custom.schemas import FieldEdit, FieldView
from server.customers.objects import rules
from server.customers.objects.queries import objects as object_queries
from server.customers.objects.queries import records as queries_of
from server.customers.objects.schemas import NewRecord, ObjectEdit, ObjectView, RecordEdit
from server.customers.objects.service import objects
from server.customers.objects.service import records as writing
from server.customers.schemas import NewContact, NewStore
from server.kit.errors import Forbidden, IdReused, NotFound, Refusal
from server.sync import merging, unmerging
from tests.factories import NOW, Tenant
from tests.server.customers.custom.stories import field
from tests.server.customers.objects.stories import part, record, sort, titles
from tests.server.customers.stories import change, make, names

LATER = NOW + timedelta(hours=1)


class Shop(msgspec.Struct, frozen=True):
    """A company that keeps the machines of its customers, and one of these."""

    machine: ObjectView
    serial: FieldView
    warranty: FieldView
    bought: FieldView


@pytest.fixture
async def shop(tenant: Tenant) -> Shop:
    """Let a manager define machines."""
    machine = await sort(tenant.manager)
    return Shop(
        machine,
        await part(tenant.manager, machine, "text", "序列号", is_unique=True),
        await part(tenant.manager, machine, "date", "保修到"),
        await part(tenant.manager, machine, "decimal", "价格"),
    )


async def refused(asking: Coroutine[Any, Any, Any]) -> tuple[str, str | None]:
    """Ask for what is refused; give the code and the field."""
    with pytest.raises(Refusal) as refusal:
        await asking
    return refusal.value.code, refusal.value.field


async def test_s88_records_of_a_new_object_are_written_listed_and_told(
    tenant: Tenant, shop: Shop
) -> None:
    rep = tenant.rep
    tea, rice = await make(rep, "茶行"), await make(rep, "粮店")
    store = await service.add_store(rep, tea.id, NewStore(name="一店"), now=NOW)
    first = await record(
        *(rep, tea.id, shop.machine, "  封口机\u3000一号 "),
        store_id=store.id,
        custom={shop.serial.name: "SN-1", shop.warranty.name: "2027-05-01"},
    )
    second = await record(rep, rice.id, shop.machine, "打包机", custom={shop.serial.name: "SN-2"})

    edit = RecordEdit(title="打包机乙", custom={shop.bought.name: 1250})
    await writing.edit(rep, second, edit, now=LATER)

    held = await queries_of.one(rep, first)
    assert (held.title, held.customer_name, held.store_id) == ("封口机 一号", "茶行", store.id)
    assert held.custom == {shop.serial.name: "SN-1", shop.warranty.name: "2027-05-01"}
    assert await titles(rep, object_id=shop.machine.id) == ["打包机乙", "封口机 一号"]
    assert await titles(rep, q="粮") == ["打包机乙"]
    assert await titles(rep, store_id=store.id) == ["封口机 一号"]
    assert await titles(rep, custom={shop.serial.name: "SN-2"}) == ["打包机乙"]
    assert await titles(rep, custom={shop.bought.name: "1250"}) == ["打包机乙"]
    assert await titles(rep, object_id=uuid4()) == []
    assert await names(rep, q="打包机乙") == ["粮店"], "its customer is found by what it has"
    told = (await queries.history(rep, rice.id)).items[0]
    assert (told.kind, told.record_id, told.actor_id) == ("custom_record", second, rep.user_id)
    assert {(each.field, each.old, each.new) for each in told.changes} == {
        ("title", "打包机", "打包机乙"),
        (shop.bought.name, None, 1250),
    }


async def test_s88_a_record_keeps_to_what_its_object_says(tenant: Tenant, shop: Shop) -> None:
    boss, rep = tenant.manager, tenant.rep
    course = await sort(boss, "课程")
    day = await part(boss, course, "date", "开课日", is_required=True)
    tea, rice = await make(rep, "茶行"), await make(rep, "粮店")
    elsewhere = await service.add_store(rep, rice.id, NewStore(name="别家"), now=NOW)
    await record(rep, tea.id, shop.machine, custom={shop.serial.name: "SN-1"})

    async def with_(of: ObjectView, store: Any = None, **custom: Any) -> None:
        await record(rep, tea.id, of, store_id=store, custom=custom)

    assert await refused(with_(shop.machine, **{day.name: "2027-01-01"})) == (
        *("field_unknown", day.name),
    )
    assert await refused(with_(course)) == ("field_required", day.name)
    assert await refused(with_(course, **{day.name: "明年"})) == ("value_invalid", day.name)
    assert await refused(with_(shop.machine, **{shop.serial.name: "SN-1"})) == (
        *("custom_value_taken", shop.serial.name),
    )
    assert await refused(with_(shop.machine, elsewhere.id)) == ("unknown_store", "store_id")
    course_ = await record(rep, tea.id, course, custom={day.name: "2027-01-01"})
    wrong = RecordEdit(custom={shop.warranty.name: "2027-01-01"})
    assert await refused(writing.edit(rep, course_, wrong, now=LATER)) == (
        *("field_unknown", shop.warranty.name),
    )
    moved = RecordEdit(store_id=elsewhere.id)
    assert (await refused(writing.edit(rep, course_, moved, now=LATER)))[1] == "store_id"
    assert await titles(rep, customer_id=tea.id) == ["一号机", "一号机"]


async def test_s88_managers_alone_write_what_is_theirs_to_write(tenant: Tenant) -> None:
    boss, rep = tenant.manager, tenant.rep
    price = await sort(boss, "协议价", writers="managers")
    tea = await make(rep, "茶行")
    held = await record(boss, tea.id, price, "一级价")
    theirs = ("records_of_managers", None)

    assert await titles(rep, customer_id=tea.id) == ["一级价"]
    assert await refused(record(rep, tea.id, price)) == theirs
    assert await refused(writing.edit(rep, held, RecordEdit(title="改"), now=NOW)) == theirs
    assert await refused(writing.delete(rep, held, base=None, now=NOW)) == theirs

    await objects.change(boss, price.id, ObjectEdit(writers="everyone"), now=NOW)
    await writing.edit(rep, held, RecordEdit(title="二级价"), now=LATER)
    assert await titles(rep) == ["二级价"]
    with pytest.raises(Forbidden):
        await sort(rep, "代表的")


async def test_s88_an_archived_object_takes_no_new_record_and_keeps_its_own(
    tenant: Tenant, shop: Shop
) -> None:
    tea = await make(tenant.rep, "茶行")
    await record(tenant.rep, tea.id, shop.machine)

    away = await objects.change(
        tenant.manager, shop.machine.id, ObjectEdit(state="archived", name_zh="旧设备"), now=NOW
    )

    assert (away.state, away.name_zh, away.title_zh) == ("archived", "旧设备", "设备名称")
    assert await object_queries.listed(tenant.rep, with_archived=False) == []
    assert await titles(tenant.rep) == ["一号机"]
    assert await refused(record(tenant.rep, tea.id, shop.machine)) == (
        *("custom_object_archived", "object_id"),
    )


async def test_s88_what_makes_no_object_is_refused_in_words(tenant: Tenant, shop: Shop) -> None:
    boss = tenant.manager

    assert await refused(sort(boss, "设备")) == ("custom_object_name_taken", "name_zh")
    assert await refused(sort(boss, "课程", name_en="设备")) == (
        *("custom_object_name_taken", "name_en"),
    )
    blank = ObjectEdit(meaning="\u3000")
    assert await refused(objects.change(boss, shop.machine.id, blank, now=NOW)) == (
        *("custom_object_unnamed", "meaning"),
    )
    assert await refused(field(boss, label="无主", subject="custom_record")) == (
        *("custom_subject_bad", "object_id"),
    )
    assert await refused(field(boss, label="多主", object_id=shop.machine.id)) == (
        *("custom_subject_bad", "object_id"),
    )
    with pytest.raises(NotFound):
        await field(boss, label="别的", subject="custom_record", object_id=uuid4())
    again = await asyncio.gather(
        *(sort(boss, f"同时{n}", id=shop.bought.id) for n in range(3)), return_exceptions=True
    )
    assert len({each.id for each in again if isinstance(each, ObjectView)}) == 1


async def test_s88_fields_of_two_objects_may_share_a_name_and_a_value(
    tenant: Tenant, shop: Shop
) -> None:
    course = await sort(tenant.manager, "课程")
    number = await part(tenant.manager, course, "text", "序列号", is_unique=True)
    tea = await make(tenant.rep, "茶行")

    await record(tenant.rep, tea.id, shop.machine, custom={shop.serial.name: "SN-1"})
    await record(tenant.rep, tea.id, course, custom={number.name: "SN-1"})

    assert await refused(
        fields.change(tenant.manager, shop.warranty.id, FieldEdit(label_zh="序列号"), now=NOW)
    ) == ("custom_label_taken", "label_zh")


async def test_s88_another_companys_objects_and_records_are_none(
    tenant: Tenant, rival: Tenant, shop: Shop
) -> None:
    tea, theirs = await make(tenant.rep, "茶行"), await make(rival.rep, "对手")
    held = await record(tenant.rep, tea.id, shop.machine)

    for asking in (
        record(rival.rep, theirs.id, shop.machine),
        record(rival.rep, tea.id, shop.machine),
        queries_of.one(rival.rep, held),
        queries_of.of_customer(rival.rep, tea.id),
        writing.edit(rival.rep, held, RecordEdit(title="别人的"), now=NOW),
        writing.delete(rival.rep, held, base=None, now=NOW),
        objects.change(rival.owner, shop.machine.id, ObjectEdit(state="archived"), now=NOW),
    ):
        with pytest.raises(NotFound):
            await asking
    assert await titles(rival.owner) == []


async def test_s88_records_go_with_their_customer(tenant: Tenant, shop: Shop) -> None:
    boss, rep = tenant.manager, tenant.rep
    colleague = tenant.actor(rep.role, scope=Scope.MINE)
    old, into = await make(rep, "旧"), await make(rep, "新")
    await record(rep, old.id, shop.machine, "旧机", custom={shop.serial.name: "SN-1"})
    await service.add_contact(rep, old.id, NewContact(name="陈旧友"), now=NOW)
    await record(rep, into.id, shop.machine, "新机")

    merged = await merging.merge(boss, old.id, into.id, now=LATER)
    assert await titles(rep, customer_id=into.id) == ["新机", "旧机"]
    assert await names(rep, q="旧机") == ["新"]
    assert await names(rep, q="陈旧友") == ["新"], "so is a contact of the one that is gone"
    await unmerging.unmerge(boss, into.id, merged.id, now=LATER)
    assert await titles(rep, customer_id=old.id) == ["旧机"]
    assert await titles(rep, customer_id=into.id) == ["新机"]
    assert await names(rep, q="旧机") == ["旧"]

    assert await titles(colleague) == []
    await service.delete(rep, old.id, base=None, now=LATER)
    assert await titles(rep) == ["新机"]
    await service.restore(rep, old.id, now=LATER)
    assert await titles(rep) == ["新机", "旧机"]


async def test_s88_a_deleted_record_comes_back_as_it_was(tenant: Tenant, shop: Shop) -> None:
    tea = await make(tenant.rep, "茶行")
    held = await record(tenant.rep, tea.id, shop.machine, custom={shop.serial.name: "SN-1"})
    before = await queries_of.one(tenant.rep, held)

    await writing.delete(tenant.rep, held, base=None, now=LATER)
    assert await titles(tenant.rep) == []
    again = await record(tenant.rep, tea.id, shop.machine, custom={shop.serial.name: "SN-1"})
    back = writing.restore(tenant.rep, held, now=LATER)
    assert await refused(back) == ("custom_value_taken", shop.serial.name)
    await writing.delete(tenant.rep, again, base=None, now=LATER)
    await writing.restore(tenant.rep, held, now=LATER)

    after = await queries_of.one(tenant.rep, held)
    assert msgspec.structs.replace(after, seq=before.seq) == before


async def test_a_hidden_phone_is_hidden_in_records_too(tenant: Tenant, shop: Shop) -> None:
    keeper = await part(tenant.manager, shop.machine, "phone", "保管人电话")
    tea = await make(tenant.rep, "茶行")
    held = await record(tenant.rep, tea.id, shop.machine, custom={keeper.name: "13800138000"})
    masked: Actor = msgspec.structs.replace(tenant.manager, masks_phones=True)

    assert (await queries_of.one(masked, held)).custom == {keeper.name: "+86138****8000"}
    assert await titles(masked, custom={keeper.name: "+8613800138000"}) == []
    assert await titles(tenant.rep, custom={keeper.name: "+8613800138000"}) == ["一号机"]
    over = RecordEdit(custom={keeper.name: "13900139000"})
    assert (await refused(writing.edit(masked, held, over, now=NOW)))[0] == "phone_hidden"


async def test_an_object_is_changed_while_its_records_are_written(
    tenant: Tenant, shop: Shop
) -> None:
    tea = await make(tenant.rep, "茶行")
    held = [await record(tenant.rep, tea.id, shop.machine, f"机{n}") for n in range(3)]

    # Whoever locked in another order would wait for who waits for them, and be thrown out.
    for turn in range(4):
        await asyncio.gather(
            *(
                writing.edit(tenant.rep, each, RecordEdit(title=f"改{turn}"), now=NOW)
                for each in held
            ),
            record(tenant.rep, tea.id, shop.machine, f"又{turn}"),
            change(tenant.rep, tea.id, remark=f"第{turn}次"),
            objects.change(
                tenant.manager, shop.machine.id, ObjectEdit(meaning=f"第{turn}版"), now=NOW
            ),
        )

    assert len(await titles(tenant.rep)) == 7
    assert (await object_queries.one(tenant.rep, shop.machine.id)).meaning == "第3版"


def test_a_company_has_thirty_objects_and_no_more() -> None:
    rules.ensure_room(29)

    with pytest.raises(rules.TooManyCustomObjects):
        rules.ensure_room(30)


async def test_a_record_asked_for_twice_is_made_once(tenant: Tenant, shop: Shop) -> None:
    tea = await make(tenant.rep, "茶行")
    new = NewRecord(object_id=shop.machine.id, title="一号机", id=uuid4())

    first = await writing.add(tenant.rep, tea.id, new, now=NOW)
    second = await writing.add(tenant.rep, tea.id, new, now=NOW)

    assert (first.id, first.seq) == (second.id, second.seq)
    assert await titles(tenant.rep) == ["一号机"]


async def test_an_objects_id_is_not_another_objects(tenant: Tenant) -> None:
    object_id = uuid4()
    made = await sort(tenant.owner, "设备", id=object_id)

    assert await sort(tenant.owner, "设备", id=object_id) == made
    with pytest.raises(IdReused):
        await sort(tenant.owner, "课程", id=object_id)
