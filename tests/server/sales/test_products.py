"""Managers keep prices; what was offered at another price stays as it was."""

import asyncio

import pytest

from server.access.rules import NotPermitted
from server.kit.errors import IdReused, NotFound
from server.sales import queries, service
from server.sales.rules.products import (
    FloorAboveList,
    PriceBookDays,
    PriceBookNameTaken,
    ProductCodeTaken,
)
from server.sales.schemas import (
    NewPriceBook,
    NewProduct,
    PriceBookEdit,
    ProductEdit,
    SetPrice,
)
from tests.factories import NOW, Tenant, new_id
from tests.server.sales.stories import call_alike, price, seen, stock, write


async def test_s48_a_price_has_versions_and_the_last_one_holds(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    await price(tenant.manager, shelf, 120_00, 90_00)
    await price(tenant.manager, shelf, 120_00, 90_00)

    history = await queries.price_history(tenant.manager, shelf.book, shelf.product)
    (now,) = await queries.prices(tenant.manager, shelf.book)

    assert [(each.version, each.list_minor, each.floor_minor) for each in history] == [
        (2, 120_00, 90_00),
        (1, 100_00, 80_00),
    ]
    assert now == history[0]


async def test_a_rep_sees_prices_and_no_floors(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)

    (listed,) = await queries.prices(tenant.rep, shelf.book)
    (old,) = await queries.price_history(tenant.rep, shelf.book, shelf.product)
    product = await queries.product(tenant.rep, shelf.product)

    assert (listed.list_minor, listed.floor_minor) == (100_00, None)
    assert old.floor_minor is None
    assert [each.list_minor for each in product.prices] == [100_00]


async def test_a_rep_sets_no_prices(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)

    with pytest.raises(NotPermitted):
        await price(tenant.rep, shelf, 1, 0)
    with pytest.raises(NotPermitted):
        await service.add_product(tenant.rep, NewProduct(name="私货"), now=NOW)
    with pytest.raises(NotPermitted):
        await service.add_price_book(tenant.rep, NewPriceBook(name="私价"), now=NOW)


async def test_a_quote_keeps_the_price_that_it_was_made_with(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf)

    await price(tenant.manager, shelf, 150_00, 120_00)
    change = ProductEdit(name="收银机二代", tax_bp=600)
    await service.change_product(tenant.manager, shelf.product, change, now=NOW)

    (line,) = (await seen(tenant.rep, quote)).lines
    assert (line.name, line.list_minor, line.tax_bp) == ("收银机", 100_00, 1_300)


async def test_prices_that_are_set_at_once_are_versions_one_after_the_other(
    tenant: Tenant,
) -> None:
    shelf = await stock(tenant.manager)

    await asyncio.gather(*(price(tenant.manager, shelf, 200_00 + n, 1) for n in range(5)))

    history = await queries.price_history(tenant.manager, shelf.book, shelf.product)
    product = await queries.product(tenant.manager, shelf.product)
    assert [each.version for each in history] == [6, 5, 4, 3, 2, 1]
    assert product.prices[0].list_minor == history[0].list_minor


async def test_what_makes_no_price_is_refused(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)

    with pytest.raises(FloorAboveList):
        await price(tenant.manager, shelf, 100, 101)
    days = PriceBookEdit(valid_from="2026-05-01", valid_until="2026-04-01")
    with pytest.raises(PriceBookDays):
        await service.change_price_book(tenant.manager, shelf.book, days, now=NOW)
    wanted = SetPrice(list_minor=1, floor_minor=0)
    with pytest.raises(NotFound):
        await service.set_price(tenant.manager, shelf.book, new_id(), wanted, now=NOW)


async def test_a_product_that_is_added_twice_is_one(tenant: Tenant) -> None:
    new = NewProduct(id=new_id(), name="扫码枪", code="SM-1")

    made = await asyncio.gather(
        *(service.add_product(tenant.manager, new, now=NOW) for _ in range(4))
    )

    assert {each.id for each in made} == {new.id}
    other, twin = NewProduct(id=new.id, name="别的"), NewProduct(name="别的", code="SM-1")
    with pytest.raises(IdReused):
        await service.add_product(tenant.manager, other, now=NOW)
    with pytest.raises(ProductCodeTaken):
        await service.add_product(tenant.manager, twin, now=NOW)


async def test_of_many_who_take_a_code_at_once_one_has_it(tenant: Tenant) -> None:
    products = [
        (await service.add_product(tenant.manager, NewProduct(name=f"收银机{at}"), now=NOW)).id
        for at in range(4)
    ]

    answers = await asyncio.gather(
        *(
            service.change_product(tenant.manager, each, ProductEdit(code="SYJ"), now=NOW)
            for each in products
        ),
        return_exceptions=True,
    )

    refused = [each for each in answers if isinstance(each, ProductCodeTaken)]
    assert len(refused) == 3
    assert [each.code for each in await queries.products(tenant.rep)].count("SYJ") == 1


async def test_a_price_book_that_is_added_many_times_at_once_is_one(tenant: Tenant) -> None:
    wanted = NewPriceBook(id=new_id(), name="经销价")

    answers = await asyncio.gather(
        *(service.add_price_book(tenant.manager, wanted, now=NOW) for _ in range(4))
    )

    assert all(answer == answers[0] for answer in answers)
    assert len(await queries.price_books(tenant.rep)) == 1


async def test_no_two_price_books_in_use_share_a_name(tenant: Tenant) -> None:
    boss = tenant.manager
    first = await service.add_price_book(boss, NewPriceBook(name="VIP 价"), now=NOW)
    other = await service.add_price_book(boss, NewPriceBook(name="零售"), now=NOW)

    for name in ("VIP 价", " vip　价 "):
        with pytest.raises(PriceBookNameTaken) as refused:
            await service.add_price_book(boss, NewPriceBook(name=name), now=NOW)
        assert refused.value.field == "name"
    with pytest.raises(PriceBookNameTaken):
        await service.change_price_book(boss, other.id, PriceBookEdit(name="VIP 价"), now=NOW)
    retired, active = PriceBookEdit(state="retired"), PriceBookEdit(state="active")
    await service.change_price_book(boss, first.id, retired, now=NOW)
    await service.change_price_book(boss, other.id, PriceBookEdit(name="VIP 价"), now=NOW)
    with pytest.raises(PriceBookNameTaken):
        await service.change_price_book(boss, first.id, active, now=NOW)
    mended = PriceBookEdit(name="VIP 老价", state="active")
    assert (await service.change_price_book(boss, first.id, mended, now=NOW)).state == "active"


async def test_of_price_books_that_take_one_name_at_once_one_gets_it(tenant: Tenant) -> None:
    boss = tenant.manager
    old = await service.add_price_book(boss, NewPriceBook(name="旧"), now=NOW)

    answers = await asyncio.gather(
        *(service.add_price_book(boss, NewPriceBook(name="新"), now=NOW) for _ in range(3)),
        service.change_price_book(boss, old.id, PriceBookEdit(name="新"), now=NOW),
        return_exceptions=True,
    )

    assert sum(isinstance(each, PriceBookNameTaken) for each in answers) == 3
    assert [each.name for each in await queries.price_books(boss)].count("新") == 1


async def test_price_books_that_share_a_name_from_before_keep_their_days_changeable(
    tenant: Tenant,
) -> None:
    boss = tenant.manager
    books = [
        await service.add_price_book(boss, NewPriceBook(name=each), now=NOW) for each in "甲乙"
    ]
    await call_alike(tenant, "甲")

    for each in books:
        days = PriceBookEdit(valid_until="2026-12-31")
        assert (await service.change_price_book(boss, each.id, days, now=NOW)).name == "甲"
    with pytest.raises(PriceBookNameTaken):
        await service.add_price_book(boss, NewPriceBook(name="甲"), now=NOW)


@pytest.mark.parametrize("day", ["2026-02-31", "9999-99-99", "0000-00-00"])
async def test_a_price_book_ends_on_a_day_of_the_calendar(tenant: Tenant, day: str) -> None:
    with pytest.raises(PriceBookDays) as refused:
        await service.add_price_book(
            tenant.manager, NewPriceBook(name="经销价", valid_until=day), now=NOW
        )

    assert refused.value.field == "valid_until"
