"""A client that was written from the specification alone works with the product."""

import copy
import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from server.access import Role, Scope
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock
from server.settings import Settings
from tests.factories import Tenant, new_id
from tests.journeys import spec_client, spec_wire
from tests.journeys.spec_client import Device
from tests.journeys.spec_wire import Message

MakePhone = Callable[..., Awaitable[Device]]


@pytest.fixture
def make_phone(client: httpx.AsyncClient, database: Settings, tenant: Tenant) -> MakePhone:
    """Invite a rep, make a code for a phone, and enrol it by what the specification says."""
    keys.open_keys(database)

    async def make(*, compact: bool = False) -> Device:
        user_id, now = new_id(), clock.now()
        person = NewUser(
            login=f"p{user_id.hex}",
            name="外勤",
            role=Role.SALES_REP,
            id=user_id,
            team_id=tenant.team_id,
            scope=Scope.TEAM,
        )
        await identity.invite(tenant.owner, person, now=now)
        code = await identity.new_enrolment_code(tenant.owner, user_id=user_id, now=now)
        return await spec_client.enrol(client, code.code, compact=compact)

    return make


@pytest.fixture(params=[False, True], ids=["json", "compact"])
async def phone(request: pytest.FixtureRequest, make_phone: MakePhone) -> Device:
    """A phone of either encoding that has pulled."""
    made = await make_phone(compact=request.param)
    await made.pull()
    return made


def test_the_reader_shares_no_code_with_the_product() -> None:
    imported = {
        name.partition(".")[0]
        for module in (spec_client, spec_wire)
        for name in re.findall(r"^(?:from|import) (\S+)", inspect.getsource(module), re.MULTILINE)
    }

    assert imported - sys.stdlib_module_names == {"httpx", "msgspec", "zstandard", "tests"}


def code_of(device: Device) -> str:
    """Give what became of the last op."""
    return str(device.outcomes[device.last_number]["code"])


@pytest.mark.parametrize("is_compact", [False, True], ids=["json_first", "compact_first"])
async def test_two_readers_edit_the_same_records_offline_and_nothing_is_lost(
    make_phone: MakePhone, *, is_compact: bool
) -> None:
    li, wang = await make_phone(compact=is_compact), await make_phone(compact=not is_compact)
    shop = li.create("customer", name="福满楼", city="洛阳市", remark="周三到货", tags=[])
    branch = li.create("store", customer_id=shop, name="一店")
    tags = [li.create("tag", name=name, meaning=name) for name in ("重点", "续约", "友商")]
    await li.sync()
    await wang.pull()

    li.edit("customer", shop, by_handle=True, city="郑州市", remark="周三到货\n要发票")
    li.edit("store", branch, name="总店")
    li.write("edit", kind="customer", id=shop, sets={"tags": {"add": tags[:2]}})
    wang.edit("customer", shop, city="开封市", remark="周五打电话\n周三到货", level="A")
    wang.write("edit", kind="customer", id=shop, sets={"tags": {"add": tags[1:]}})
    wang.group(2)
    wang.edit("store", branch, by_handle=True, name="老店")
    for each in (li, wang, li):
        await each.sync()

    held = wang.records["customer", shop]["fields"]
    assert li.held() == wang.held()
    assert held["remark"] == "周五打电话\n周三到货\n要发票"
    assert sorted(held["tags"]) == sorted(tags)
    assert {
        (one["field"], *sorted([one["kept"], one["other"]]))
        for one in li.conflicts(shop) + li.conflicts(branch)
    } == {("city", "开封市", "郑州市"), ("name", "总店", "老店")}

    (conflict,) = li.conflicts(shop)
    li.edit("customer", shop, city=conflict["other"])
    li.edit("conflict", conflict["id"], state="restored")
    li.group(2)
    for each in (li, wang):
        await each.sync()
        assert await each.verify() == 1
    assert wang.records["customer", shop]["fields"]["city"] == conflict["other"]
    assert [one["state"] for one in wang.conflicts(shop)] == ["restored"]


async def test_an_edit_wins_over_a_deletion_that_had_not_seen_it(make_phone: MakePhone) -> None:
    li, wang = await make_phone(), await make_phone(compact=True)
    shop = li.create("customer", name="得月楼")
    li.create("contact", customer_id=shop, name="陈老板")
    await li.sync()
    await wang.pull()

    li.edit("customer", shop, district="西工区")
    await li.sync()
    wang.write("delete", kind="customer", id=shop)
    await wang.sync()
    kept = code_of(wang)
    wang.write("delete", kind="customer", id=shop)
    await wang.sync()
    gone = wang.held()
    li.edit("customer", shop, district="涧西区")
    for each in (li, wang):
        await each.sync()

    assert (kept, code_of(wang), code_of(li)) == ("edit_won", "applied", "revived")
    assert gone == {}
    assert li.held() == wang.held()
    assert [await each.verify() for each in (li, wang)] == [1, 1]


async def test_a_first_sync_comes_in_pages_and_what_is_spoilt_is_mended(phone: Device) -> None:
    shops = [phone.create("customer", name=f"店{n}", level="ABCD"[n % 4]) for n in range(30)]
    await phone.sync()
    whole, fresh = phone.held(), copy.copy(phone)
    fresh.cursor, fresh.records, fresh.page_limit = None, {}, 7

    pages = await fresh.pull()
    fresh.records["customer", shops[0]]["fields"]["name"] = "写坏了"
    del fresh.records["customer", shops[1]]
    fresh.records["customer", str(uuid4())] = {"seq": 1, "handle": 999, "fields": {"name": "鬼"}}
    trips = await fresh.verify()

    assert pages == 5
    assert trips == 3
    assert fresh.held() == whole


async def test_a_lost_answer_an_old_image_and_a_spoilt_cursor_cost_nothing(phone: Device) -> None:
    shop = phone.create("customer", name="福满楼")
    unsent = copy.deepcopy(phone.outbox)
    first = await phone.push()
    phone.outbox, phone.outcomes = unsent, {}
    again = await phone.push()
    phone.outbox, phone.outcomes, phone.last_number = [], {}, 0

    phone.edit("customer", shop, level="A")
    phone.cursor = "AAAA"
    await phone.sync()
    await phone.renew()
    await phone.pull()

    assert again["outcomes"] == first["outcomes"]
    assert phone.last_number == 2
    assert code_of(phone) == "applied"
    assert phone.records["customer", shop]["fields"]["level"] == "A"


async def test_handles_of_another_epoch_settle_nothing_and_ids_do(phone: Device) -> None:
    shop = phone.create("customer", name="福满楼")
    await phone.sync()
    phone.edit("customer", shop, by_handle=True, level="B")
    phone.epoch = 7

    answer = await phone.push(pull=False)
    await phone.sync()

    assert answer["outcomes"] == []
    assert code_of(phone) == "applied"
    assert phone.records["customer", shop]["fields"]["level"] == "B"


async def test_a_merged_customer_leaves_and_the_other_comes_whole(make_phone: MakePhone) -> None:
    li, wang = await make_phone(compact=True), await make_phone()
    one, other = li.create("customer", name="福满楼"), li.create("customer", name="福满楼酒家")
    note = li.create("note", customer_id=one, body="老板爱喝茶")
    await li.sync()
    await wang.pull()
    args = {"customer_id": one, "into_id": other}
    li.write("intent", name="customers.merge", id=str(uuid4()), args=args)
    await li.sync()

    wang.edit("customer", one, level="C")
    for each in (wang, li):
        await each.sync()

    assert ("customer", one) not in wang.records
    assert li.records["note", note]["fields"]["customer_id"] == other
    assert li.records["customer", other]["fields"]["level"] == "C"
    assert li.held() == wang.held()


REFUSED: list[tuple[str, str, Message]] = [
    ("kind_unknown", "create", {"kind": "spaceship", "fields": {"name": "x"}}),
    ("field_unknown", "create", {"fields": {"name": "x", "shoe_size": 4}}),
    ("field_required", "create", {"fields": {"city": "杭州市"}}),
    ("field_server_only", "create", {"kind": "conflict", "fields": {"kind": "customer"}}),
    ("value_invalid", "create", {"fields": {"name": "x", "status": "asleep"}}),
    ("value_invalid", "create", {"fields": {"name": 5}}),
    ("bad_phone", "create", {"fields": {"name": "x", "phone": "123"}}),
    ("parent_missing", "create", {"kind": "store", "fields": {"customer_id": str(new_id())}}),
    ("id_invalid", "create", {"id": str(new_id()).upper(), "fields": {"name": "x"}}),
    ("op_unreadable", "create", {"id": "x", "fields": {"name": "x"}}),
    ("not_found", "edit", {"fields": {"city": "杭州市"}}),
    ("not_found", "edit", {"handle": 987654, "fields": {"city": "杭州市"}}),
    ("not_found", "delete", {}),
    ("id_invalid", "edit", {"id": "", "fields": {"city": "杭州市"}}),
    ("op_unreadable", "edit", {"handle": -4, "fields": {"city": "杭州市"}}),
    ("group_incomplete", "edit", {"group": [1, 2], "fields": {"city": "杭州市"}}),
    ("intent_unknown", "intent", {"name": "void", "args": {}}),
]
"""Ops that have no effect, by the code that the specification names."""


async def test_what_cannot_be_settled_is_told_by_the_code_that_is_specified(phone: Device) -> None:
    told = []
    for _, op, rest in REFUSED:
        named = {} if "handle" in rest else {"id": str(uuid4())}
        kind: dict[str, Any] = {} if op == "intent" else {"kind": "customer"}
        phone.write(op, **(kind | named | rest))
        number = phone.outbox[-1]["number"]
        if "group" in rest:
            phone.outbox[-1]["group"] = [number, number + 1]
        await phone.push()
        told.append(phone.outcomes[number]["code"])

    assert told == [code for code, _, _ in REFUSED]
    assert phone.outbox == []
