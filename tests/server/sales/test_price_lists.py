"""A price list comes in from a sheet and goes out as one: versions, floors, nothing twice."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.access import Actor
from server.audit import queries as audit
from server.imports import queries as imports_queries
from server.imports import service as imports
from server.imports.queries import BadPlan
from server.imports.reasons import Language
from server.imports.rules.rows import Policy
from server.imports.schemas import ImportView, StartImport
from server.kit import db
from server.kit.errors import Forbidden
from server.sales import exports, queries, service
from server.sales.imports.rows import read_row, reading_of
from server.sales.schemas import (
    NewPriceBook,
    NewProduct,
    PriceBookEdit,
    PriceView,
    ProductEdit,
    SetPrice,
)
from server.sales.service import listing
from server.sales.service.listing import Listed
from tests.factories import NOW, Tenant, new_id
from tests.server.sales.stories import call_alike

HEADER = "货号,品名,单位,税率,价目表,单价,底价"


def sheet(*rows: str, header: str = HEADER) -> bytes:
    """Write a small CSV."""
    return "\r\n".join([header, *rows]).encode("gb18030")


async def bring_in(actor: Actor, content: bytes, **wanted: Any) -> ImportView:
    """Upload a price list, and keep it."""
    view = await imports.upload(actor, "价格.csv", content, target="prices", now=NOW)
    await imports.start(actor, view.id, StartImport(**wanted), now=NOW)
    assert await imports.run(actor, view.id, now=NOW)
    return await imports_queries.one(actor, view.id)


async def told(actor: Actor, view: ImportView) -> list[tuple[int, str, str]]:
    """Give what was found wrong."""
    page = await imports_queries.problems(actor, view.id)
    return [(each.row, each.field, each.code) for each in page.items]


async def book(actor: Actor, name: str) -> UUID:
    """Make a price book."""
    return (await service.add_price_book(actor, NewPriceBook(name=name), now=NOW)).id


async def priced(actor: Actor, book_id: UUID) -> dict[str, PriceView]:
    """Give the prices of a book by product."""
    return {each.product_name: each for each in await queries.prices(actor, book_id)}


async def taken_out(actor: Actor) -> bytes:
    """Export all prices."""
    return b"".join([block async for block in await exports.prices(actor, now=NOW)])


async def test_a_price_list_makes_products_and_versions_of_prices(tenant: Tenant) -> None:
    manager = tenant.manager
    retail, chain = await book(manager, "零售"), await book(manager, "连锁")

    done = await bring_in(
        manager,
        sheet(
            "A-1,收银机,台,13%,零售,￥1200.00,1000",
            "A-1,收银机,台,13,连锁,1100,",
            "A-2,打印纸,箱,９％,零售,80,",
        ),
    )
    raised = await bring_in(manager, sheet("A-1,收银机,台,13,零售,1250,"))

    assert (done.counts.created, done.counts.updated, done.counts.refused) == (2, 1, 0)
    assert (raised.counts.created, raised.counts.updated) == (0, 1)
    products = {each.code: each for each in await queries.products(manager)}
    assert {code: (each.unit, each.tax_bp) for code, each in products.items()} == {
        "A-1": ("台", 1300),
        "A-2": ("箱", 900),
    }
    till, paper = (
        (await priced(manager, retail))["收银机"],
        (await priced(manager, retail))["打印纸"],
    )
    assert (till.version, till.list_minor, till.floor_minor) == (2, 1250_00, 1000_00)
    assert (paper.version, paper.list_minor, paper.floor_minor) == (1, 80_00, 80_00)
    assert (await priced(manager, chain))["收银机"].list_minor == 1100_00
    on_phones = {each.price_book_id: each.list_minor for each in products["A-1"].prices}
    assert on_phones == {retail: 1250_00, chain: 1100_00}
    assert "prices.imported" in {each.action for each in (await audit.entries(tenant.owner)).items}


async def test_new_products_are_one_unit_of_work_however_many(tenant: Tenant) -> None:
    lines = [Listed(product_id=new_id(), fields={"name": f"茶 {n}"}) for n in range(5)]
    lines.append(msgspec.structs.replace(lines[0], fields={"name": "茶 0", "unit": "盒"}))

    async with db.tenant_transaction(tenant.tenant_id):
        before = await db.connection().fetchval("SELECT max(seq) FROM tenant_clock")
        kept = await listing.keep(tenant.manager, lines, now=NOW)
        after = await db.connection().fetchval("SELECT max(seq) FROM tenant_clock")

    assert kept == [True] * 6
    # One that makes them, and one for what the last line says of the first.
    assert after - (before or 0) == 2
    products = {each.name: each.unit for each in await queries.products(tenant.manager)}
    assert products == {"茶 0": "盒"} | {f"茶 {n}": "" for n in range(1, 5)}


async def test_s101_what_is_exported_comes_back_without_a_change(tenant: Tenant) -> None:
    manager = tenant.manager
    retail = await book(manager, "零售")
    await bring_in(manager, sheet("A-1,=收银机,台,13,零售,1200,1000", ",打印纸,箱,,,,"))
    before = await priced(manager, retail)

    out = await taken_out(manager)
    again = await bring_in(manager, out)

    assert again.counts.unchanged == again.counts.rows == 2
    assert await priced(manager, retail) == before
    assert await taken_out(manager) == out


async def test_bad_lines_are_told_and_the_others_kept(tenant: Tenant) -> None:
    manager = tenant.manager
    retail = await book(manager, "零售")
    for _ in range(2):
        await service.add_product(manager, NewProduct(name="同名"), now=NOW)

    done = await bring_in(
        manager,
        sheet(
            "B-1,好的,个,13,零售,10,9",
            "B-2,底价高,个,13,零售,10,11",
            "B-3,没有的表,个,13,批发,10,",
            "B-4,没有表,个,13,,10,",
            "B-5,税率错,个,十三,零售,10,",
            "B-6,价格错,个,13,零售,一百,",
            ",同名,个,13,零售,10,",
            ",,个,13,零售,10,",
            "B-1,好的,个,13,零售,12,",
            ",合计,,,,100,",
        ),
    )

    assert await told(manager, done) == [
        (3, "floor_price", "floor_above_list"),
        (4, "book", "unknown_price_book"),
        (5, "book", "field_required"),
        (6, "tax", "bad_tax"),
        (7, "list_price", "bad_amount"),
        (8, "name", "ambiguous_product"),
        (9, "name", "field_required"),
        (10, "", "duplicate_in_file"),
        (11, "name", "sum_row"),
    ]
    assert list(await priced(manager, retail)) == ["好的"]
    said = (await imports_queries.error_file(manager, done.id, Language.ZH)).decode()
    assert "底价：底价不能高于标价。" in said
    assert "价目表：没有这个价目表" in said


async def test_what_is_there_already_may_be_left_alone(tenant: Tenant) -> None:
    manager = tenant.manager
    retail = await book(manager, "零售")
    product = await service.add_product(manager, NewProduct(name="收银机", code="A-1"), now=NOW)
    price = SetPrice(list_minor=10_00, floor_minor=5_00)
    await service.set_price(manager, retail, product.id, price, now=NOW)

    done = await bring_in(manager, sheet("A-1,收银机二代,台,13,零售,99,"), duplicates=Policy.SKIP)

    assert done.counts.skipped == 1
    assert (await priced(manager, retail))["收银机"].list_minor == 10_00


async def test_prices_are_brought_in_and_taken_out_by_managers_of_the_company(
    tenant: Tenant, rival: Tenant
) -> None:
    await book(tenant.manager, "零售")
    await bring_in(tenant.manager, sheet("A-1,收银机,台,13,零售,1200,1000"))

    with pytest.raises(Forbidden):
        await bring_in(tenant.rep, sheet("A-1,收银机,台,13,零售,1,1"))
    with pytest.raises(Forbidden):
        await exports.prices(tenant.rep, now=NOW)
    assert "收银机" not in (await taken_out(rival.manager)).decode()


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e999", "13.123", "-1", "101", "十三", "0.13", "０.9"]
)
def test_a_tax_that_is_none_is_refused(text: str) -> None:
    [problem] = read_row(1, {"name": "收银机", "tax": text}).problems

    assert problem.field == "tax"
    assert problem.code in {"bad_tax", "bad_value"}


@pytest.mark.parametrize(
    ("text", "bp"),
    [("13", 1_300), ("13%", 1_300), ("0", 0), ("0.5%", 50), ("１％", 100), ("1", 100)],
)
def test_a_tax_is_read_in_percent(text: str, bp: int) -> None:
    row = read_row(1, {"name": "收银机", "tax": text})

    assert reading_of(row).tax == bp


async def test_one_code_in_two_rows_is_one_products(tenant: Tenant) -> None:
    manager = tenant.manager
    one, other = [
        (await service.add_product(manager, NewProduct(name=name), now=NOW)).id for name in "甲乙"
    ]
    await book(manager, "零售")

    by_name = await bring_in(manager, sheet("X-1,甲,台,13,零售,10,", "X-1,乙,台,13,零售,20,"))
    ids = [f"{each},X-{at},,," for at, each in ((2, one), (2, other))]
    by_id = await bring_in(manager, sheet(*ids, header="产品编号(勿改),货号,品名,价目表,单价"))

    assert await told(manager, by_name) == [(3, "code", "product_code_taken")]
    assert await told(manager, by_id) == [(3, "code", "product_code_taken")]
    codes = {each.name: each.code for each in await queries.products(manager)}
    assert codes == {"甲": "X-2", "乙": None}


async def test_a_retired_books_prices_do_not_come_back_into_a_live_one(tenant: Tenant) -> None:
    manager = tenant.manager
    product = await service.add_product(manager, NewProduct(name="收银机"), now=NOW)
    old = await book(manager, "标准价")
    price = SetPrice(list_minor=5_00, floor_minor=4_00)
    await service.set_price(manager, old, product.id, price, now=NOW)
    await service.change_price_book(manager, old, PriceBookEdit(state="retired"), now=NOW)
    new = await book(manager, "标准价")

    again = await bring_in(manager, await taken_out(manager))

    assert (again.counts.rows, again.counts.unchanged) == (1, 1)
    assert await queries.prices(manager, new) == []


async def test_a_row_means_no_retired_product_and_no_book_of_two(tenant: Tenant) -> None:
    manager = tenant.manager
    for new in (NewProduct(name="旧机"), NewProduct(name="旧秤", code="S-1")):
        product = await service.add_product(manager, new, now=NOW)
        retired = ProductEdit(state="retired")
        await service.change_product(manager, product.id, retired, now=NOW)
    await book(manager, "甲")
    await book(manager, "乙")
    # As two could be called before that was refused.
    await call_alike(tenant, "两本")
    await book(manager, "零售")

    done = await bring_in(
        manager,
        sheet(",旧机,台,13,零售,10,", "S-1,旧秤,台,13,零售,10,", "A-1,新机,台,13,两本,10,"),
    )

    assert await told(manager, done) == [
        (2, "name", "product_retired"),
        (3, "name", "product_retired"),
        (4, "book", "ambiguous_price_book"),
    ]


async def test_a_price_list_by_code_alone_is_taken(tenant: Tenant) -> None:
    manager = tenant.manager
    await service.add_product(manager, NewProduct(name="收银机", code="A-1"), now=NOW)
    retail = await book(manager, "零售")

    done = await bring_in(manager, sheet("A-1,零售,10", header="货号,价目表,单价"))
    with pytest.raises(BadPlan) as refused:
        await bring_in(manager, sheet("零售,10", header="价目表,单价"))

    assert done.counts.updated == 1
    assert (await priced(manager, retail))["收银机"].list_minor == 10_00
    assert "product" in refused.value.detail


async def test_a_product_that_is_there_already_is_called_no_customer(tenant: Tenant) -> None:
    await service.add_product(tenant.manager, NewProduct(name="收银机"), now=NOW)

    view = await bring_in(
        tenant.manager, sheet("品名在此,收银机", header="备注,品名"), duplicates=Policy.SKIP
    )

    rows = (await imports_queries.error_file(tenant.manager, view.id, Language.ZH)).decode()
    assert "这个产品已经有了。" in rows
    assert "客户" not in rows
    english = (await imports_queries.error_file(tenant.manager, view.id, Language.EN)).decode()
    assert "收银机 is the same one." in english
