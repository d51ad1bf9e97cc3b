"""Records of custom objects come out in sheets and go in from them."""

import csv
from typing import Any

import pytest

from server.customers import service
from server.customers.exports import service as customer_exports
from server.customers.objects.queries import records
from server.customers.objects.schemas import ObjectEdit, RecordFilters
from server.customers.objects.service import exports, objects
from server.customers.schemas import Filters, NewStore
from server.imports import queries as import_queries
from server.imports import service as imports
from server.imports.schemas import Counts, ImportView, Policy, StartImport
from server.kit.errors import Forbidden
from tests.factories import NOW, Tenant
from tests.server.customers.custom.stories import choice, field
from tests.server.customers.objects.stories import part, record, sort, titles
from tests.server.customers.stories import make


async def brought_in(actor: Any, sheet: bytes | str, policy: Policy, **more: Any) -> ImportView:
    """Import a sheet to its end."""
    content = sheet if isinstance(sheet, bytes) else sheet.encode()
    view = await imports.upload(actor, "表.csv", content, target="custom_records", now=NOW)
    wanted = StartImport(duplicates=policy, **more)
    await imports.start(actor, view.id, wanted, now=NOW)
    await imports.run(actor, view.id, now=NOW)
    return await import_queries.one(actor, view.id)


async def test_s88_what_an_export_of_records_wrote_comes_back_and_changes_nothing(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    machine = await sort(boss, "设备")
    of: dict[str, Any] = {"subject": "custom_record", "object_id": machine.id}
    many = await choice(boss, "早", "晚", type_="choices", label="时段", **of)
    price = await part(boss, machine, "decimal", "价格")
    shop = (await make(boss, "福满楼")).id
    store = await service.add_store(boss, shop, NewStore(name="一店"), now=NOW)
    slots = [str(each.id) for each in many.options]
    held = await record(
        *(boss, shop, machine, "=封口机"),
        store_id=store.id,
        custom={many.name: slots, price.name: 1250},
    )
    before = await records.one(boss, held)

    for words in exports.Words:
        blocks = await exports.as_csv(boss, machine.id, words, now=NOW)
        sheet = b"".join([block async for block in blocks])
        assert "福满楼,设备,'=封口机,一店,早;晚,12.50" in sheet.decode()
        done = await brought_in(boss, sheet, Policy.UPDATE)
        assert done.counts == Counts(rows=1, unchanged=1)
    assert await records.one(boss, held) == before
    with pytest.raises(Forbidden):
        await exports.as_csv(tenant.rep, machine.id, exports.Words.KEYS, now=NOW)


async def test_s88_a_sheet_of_records_is_read_as_people_write_and_what_is_wrong_is_told(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    machine, course = await sort(boss, "设备"), await sort(boss, "课程")
    await part(boss, machine, "text", "编号", is_unique=True)
    same = await part(boss, course, "date", "编号")
    needed = await part(boss, course, "flag", "付清", is_required=True)
    for name in ("福满楼", "粮店", "重名店有限公司", "重名店"):
        await make(boss, name)
    sheet = (
        "客户名称,对象,标题,编号,付清,门店\n"
        "福满楼,设备,封口机,SN-1,,\n"
        "福满楼,设备,封口机,SN-1,,\n"
        "粮店,设备,打包机,SN-1,,\n"
        "粮店,课程,面点课,2027年3月1日,是,\n"
        "粮店,课程,没付清的,2027-03-01,,\n"
        "粮店,课程,哪天,三月,否,\n"
        "粮店,样品,一包,,,\n"
        "没这家,设备,机器,,,\n"
        "福满楼,设备,,SN-9,,\n"
        "福满楼,设备,在店里,SN-8,,二店\n"
        "重名店,设备,分得清,SN-7,,\n"
    )

    done = await brought_in(boss, sheet, Policy.SKIP)

    assert (done.counts.created, done.counts.skipped, done.counts.refused) == (3, 1, 7)
    told = {each.row: each.code for each in (await import_queries.problems(boss, done.id)).items}
    assert told == {
        3: "duplicate_in_file",
        4: "custom_value_taken",
        6: "field_required",
        7: "bad_custom_value",
        8: "unknown_object",
        9: "unknown_customer",
        10: "field_required",
        11: "unknown_store",
    }
    (found,) = (await records.list_page(boss, RecordFilters(object_id=course.id))).items
    assert found.custom == {same.name: "2027-03-01", needed.name: 1}
    mended = await import_queries.error_file(boss, done.id)
    assert "没有这个客户，或您看不到它" in mended.decode()

    again = await brought_in(boss, sheet, Policy.UPDATE)
    assert (again.counts.created, again.counts.updated, again.counts.unchanged) == (0, 0, 3)
    assert len(await titles(boss)) == 3


async def test_s88_the_object_of_a_sheet_is_said_once_for_all(tenant: Tenant) -> None:
    boss = tenant.owner
    machine = await sort(boss, "设备")
    await sort(boss, "课程")
    await make(boss, "福满楼")
    sheet = "客户名称,标题\n福满楼,封口机\n"

    done = await brought_in(boss, sheet, Policy.SKIP, everywhere={"object": "设备"})
    await objects.change(boss, machine.id, ObjectEdit(state="archived"), now=NOW)
    late = await brought_in(
        boss, "客户名称,标题\n福满楼,打包机\n", Policy.SKIP, everywhere={"object": "设备"}
    )

    assert await titles(boss, object_id=machine.id) == ["封口机"]
    assert (done.counts.created, late.counts.refused) == (1, 1)


async def test_of_two_customers_of_a_name_the_phone_says_which_is_meant(tenant: Tenant) -> None:
    boss = tenant.owner
    await sort(boss, "设备")
    shops = [(await make(boss, "福满楼", phone=f"1380000000{at}")).id for at in (1, 2)]
    sheet = (
        "客户名称,客户电话,对象,标题\n"
        "福满楼,13800000001,设备,冰柜\n"
        "福满楼,13800000002,设备,冰柜\n"
        "福满楼,,设备,冰柜\n"
    )

    done = await brought_in(boss, sheet, Policy.UPDATE)

    assert (done.counts.created, done.counts.refused) == (2, 1)
    for shop in shops:
        assert await titles(boss, customer_id=shop) == ["冰柜"]


async def test_one_record_is_written_by_one_row_and_stays_its_customers(tenant: Tenant) -> None:
    boss = tenant.owner
    machine = await sort(boss, "设备")
    shop, _ = [(await make(boss, name)).id for name in ("福满楼", "粮店")]
    held = await record(boss, shop, machine, "老")
    header = "id,客户名称,对象,标题\n"

    twice = "".join(f"{held},福满楼,设备,{title}\n" for title in ("新一", "新二"))
    done = await brought_in(boss, header + twice, Policy.UPDATE)
    moved = await brought_in(boss, f"{header}{held},粮店,设备,新三\n", Policy.UPDATE)

    assert (done.counts.updated, done.counts.skipped, moved.counts.refused) == (1, 1, 1)
    told = [(await import_queries.problems(boss, each.id)).items for each in (done, moved)]
    assert [each.code for page in told for each in page] == ["duplicate_in_file", "id_reused"]
    assert await titles(boss) == ["新一"]


async def test_no_heading_of_an_export_is_a_formula(tenant: Tenant) -> None:
    boss, formula = tenant.owner, '=HYPERLINK("http://e")'
    machine = await sort(boss, "设备")
    await part(boss, machine, "text", formula)
    await field(boss, "text", formula)
    await record(boss, (await make(boss, "福满楼")).id, machine)

    blocks = await exports.as_csv(boss, machine.id, exports.Words.ZH, now=NOW)
    sheet = b"".join([block async for block in blocks])
    customers = await customer_exports.as_csv(boss, Filters(), exports.Words.ZH, now=NOW)
    told = [sheet.decode(), b"".join([block async for block in customers]).decode()]

    for each in told:
        assert next(csv.reader(each.splitlines()))[-1] == f"'{formula}"
    done = await brought_in(boss, sheet, Policy.UPDATE)
    assert None not in done.plan.columns
