"""Custom objects on phones: defined by managers, their records written where no network is."""

from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from mobile_client_sdk.client import Client
from mobile_client_sdk.engine import _VERIFIED
from mobile_client_sdk.records import CustomRecord
from server.customers.custom import service as fields
from server.customers.custom.schemas import NewField
from server.customers.objects.queries import records
from server.customers.objects.schemas import (
    NewObject,
    ObjectEdit,
    ObjectView,
    RecordEdit,
    RecordFilters,
)
from server.customers.objects.service import objects
from server.customers.objects.service import records as writing
from server.kit import clock
from sync_protocol.schema import ValueRefused
from tests.factories import Tenant
from tests.mobile_client_sdk.people import in_thread, only
from tests.mobile_client_sdk.test_real_server import Field


@pytest.fixture
def field(app: Litestar, tmp_path: Any) -> Field:
    """A company's devices."""
    return Field(app, tmp_path)


async def define(tenant: Tenant, **more: Any) -> tuple[ObjectView, str]:
    """Let a manager add machines with a serial number; give the name of that field."""
    new = NewObject(name_zh="设备", meaning="店里的机器", title_zh="设备名称", **more)
    machine = await objects.add(tenant.manager, new, now=clock.now())
    serial = NewField(
        subject="custom_record",
        object_id=machine.id,
        type="text",
        label_zh="序列号",
        meaning="看铭牌",
        is_unique=True,
    )
    return machine, (await fields.add(tenant.manager, serial, now=clock.now())).name


def one(phone: Client) -> CustomRecord:
    """Give the one record that a phone shows."""
    (found,) = phone.custom_records()
    return found


async def test_s88_a_phone_writes_records_of_a_new_object_offline(
    tenant: Tenant, field: Field
) -> None:
    machine, serial = await define(tenant)
    course = NewObject(name_zh="课程", meaning="订的课", title_zh="课名")
    course_id = str((await objects.add(tenant.manager, course, now=clock.now())).id)
    rep, boss = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        assert [each.name("en") for each in rep.custom_objects()] == ["设备", "课程"]
        (sort, _) = rep.custom_objects()
        assert [each.label_zh for each in rep.custom_fields("custom_record", sort)] == ["序列号"]
        shop = rep.create_customer(name="福满楼")
        store = rep.add_store(shop, name="一店")
        rep.add_record(shop, sort, "封口机", store_id=store.id, custom={serial: "SN-1"})
        with pytest.raises(ValueRefused, match="no field"):
            rep.add_record(shop, course_id, "面点课", custom={serial: "SN-2"})
        rep.sync()
        boss.sync()
        with boss.edit(one(boss)) as draft:
            draft.title = "打包机"
        boss.sync()
        rep.sync()
        assert (one(rep).title, one(rep).custom) == ("打包机", {serial: "SN-1"})
        for phone in (rep, boss):
            phone._store.put(_VERIFIED, 0)
            phone.sync()
            assert phone._store.get(_VERIFIED) != 0
        assert rep._replica.hashes()["custom_record"] == boss._replica.hashes()["custom_record"]

    await in_thread(story)
    (held,) = (await records.list_page(tenant.rep, RecordFilters())).items
    assert (held.object_id, held.title, held.customer_name) == (machine.id, "打包机", "福满楼")


async def test_s88_two_titles_that_met_are_both_kept(tenant: Tenant, field: Field) -> None:
    machine, _ = await define(tenant)
    rep = await field.enrol(tenant.rep, "rep")

    def begin() -> UUID:
        made = rep.add_record(rep.create_customer(name="福满楼"), str(machine.id), "旧名")
        rep.sync()
        with rep.edit(one(rep)) as draft:
            draft.title = "手机上的"
        return UUID(made.id)

    record_id = await in_thread(begin)
    edit = RecordEdit(title="页面上的")
    await writing.edit(tenant.manager, record_id, edit, now=clock.now())

    def story() -> None:
        rep.sync()
        rep.sync()
        (conflict,) = rep.conflicts(only(rep))
        assert {conflict.kept, conflict.other} == {"手机上的", "页面上的"}

    await in_thread(story)


async def test_s88_what_a_phone_had_not_heard_of_is_kept_and_what_it_may_not_is_told(
    tenant: Tenant, field: Field
) -> None:
    machine, serial = await define(tenant)
    rep = await field.enrol(tenant.rep, "rep")

    def offline() -> str:
        shop = rep.create_customer(name="福满楼")
        rep.sync()
        rep.add_record(shop, str(machine.id), "封口机", custom={serial: "SN-1"})
        return shop.id

    shop_id = await in_thread(offline)
    away = ObjectEdit(state="archived")
    await objects.change(tenant.manager, machine.id, away, now=clock.now())

    def kept() -> None:
        rep.sync()
        assert rep.refusals() == []
        assert rep.custom_objects() == []
        assert one(rep).custom == {serial: "SN-1"}
        with rep.edit(one(rep)) as draft:
            draft.title = "我的"

    await in_thread(kept)
    closed = ObjectEdit(writers="managers")
    await objects.change(tenant.manager, machine.id, closed, now=clock.now())

    def told() -> None:
        rep.add_record(shop_id, str(machine.id), "又一台")
        rep.sync()
        rep.sync()
        assert [each.code for each in rep.refusals()] == ["records_of_managers"] * 2
        assert one(rep).title == "封口机"

    await in_thread(told)
