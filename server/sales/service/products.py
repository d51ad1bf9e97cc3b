"""Managers keep products, price books and prices; each change of a price is another version."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.kit.text import LINE_MAX, cleaned
from server.sales import queries
from server.sales.kinds import WRITTEN
from server.sales.rules import products as rules
from server.sales.schemas import (
    NewPriceBook,
    NewProduct,
    PriceBookEdit,
    PriceBookView,
    PriceView,
    ProductEdit,
    ProductView,
    SetPrice,
)

_CODE: Final = "SELECT id FROM product WHERE tenant_id = $1 AND code = $2"
_HOLD_PRODUCT: Final = """
SELECT prices FROM product WHERE tenant_id = $1 AND id = $2 AND NOT deleted FOR UPDATE
"""
_HOLD_BOOK: Final = "SELECT FROM price_book WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_LAST: Final = """
SELECT version, list_minor, floor_minor FROM price
WHERE tenant_id = $1 AND price_book_id = $2 AND product_id = $3 ORDER BY version DESC LIMIT 1
"""
_SET: Final = """
INSERT INTO price (tenant_id, price_book_id, product_id, version, list_minor, floor_minor, set_by,
    set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_LONGEST: Final = {"code": 40, "unit": 20}
"""Of the texts of a product that are shorter than a line."""


async def add_product(actor: Actor, new: NewProduct, *, now: datetime) -> ProductView:
    """Add a product. Asked again under the same id, it is answered the same.

    :raises ProductCodeTaken: another product has the code.
    :raises IdReused: the id is another product's.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    product_id = new.id or ids.new_id(now)
    fields = {
        "name": rules.named(new.name),
        "code": cleaned(new.code, "code", _LONGEST["code"]) if new.code else None,
        "unit": cleaned(new.unit, "unit", _LONGEST["unit"]) or None,
        "tax_bp": new.tax_bp,
        "state": "active",
    }
    try:
        return await _add_product(actor, product_id, fields, now=now)
    except asyncpg.UniqueViolationError:
        # The same id or code at the same moment: once more, and what the other made is found.
        return await _add_product(actor, product_id, fields, now=now)


async def _add_product(
    actor: Actor, product_id: UUID, fields: dict[str, Any], *, now: datetime
) -> ProductView:
    """Add a product that nobody adds at the same moment."""
    async with db.tenant_transaction(actor.tenant_id):
        held = [each for each in await queries.products(actor) if each.id == product_id]
        if not held:
            await _ensure_code_free(actor, product_id, fields["code"])
            await facts.add(actor, "product", str(product_id), fields, kinds=WRITTEN, now=now)
            await audit.record(actor, "product.added", subject_id=product_id, now=now)
            return await queries.product(actor, product_id)
    if (held[0].name, held[0].code) != (fields["name"], fields["code"]):
        raise IdReused("This id belongs to another product; make a new one.", field="id")
    return held[0]


async def change_product(
    actor: Actor, product_id: UUID, change: ProductEdit, *, now: datetime
) -> ProductView:
    """Change a product; quotes keep what they were made with.

    :raises ProductCodeTaken: another product has the code.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    fields = _touched(change)
    try:
        return await _change_product(actor, product_id, fields, now=now)
    except asyncpg.UniqueViolationError:
        # The same code at the same moment: once more, and it is found to be another's.
        return await _change_product(actor, product_id, fields, now=now)


async def _change_product(
    actor: Actor, product_id: UUID, fields: dict[str, Any], *, now: datetime
) -> ProductView:
    """Change a product whose code nobody takes at the same moment."""
    async with db.tenant_transaction(actor.tenant_id):
        await queries.product(actor, product_id)
        if fields.get("code"):
            await _ensure_code_free(actor, product_id, fields["code"])
        await _note(actor, "product", product_id, fields, now=now)
        await audit.record(
            actor, "product.changed", subject_id=product_id, now=now, fields=sorted(fields)
        )
        return await queries.product(actor, product_id)


async def _ensure_code_free(actor: Actor, product_id: UUID, code: str | None) -> None:
    """Refuse another product's code."""
    if code is None:
        return
    holder = await db.connection().fetchval(_CODE, actor.tenant_id, code)
    if holder not in {None, product_id}:
        raise rules.ProductCodeTaken("Another product has this code; choose another.", field="code")


async def add_price_book(actor: Actor, new: NewPriceBook, *, now: datetime) -> PriceBookView:
    """Add a price book. Asked again under the same id, it is answered the same.

    :raises PriceBookDays: it ends before it begins, or on no day of the calendar.
    :raises PriceBookNameTaken: another one in use is called so.
    :raises TooManyPriceBooks: the company has enough.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    rules.ensure_days(new.valid_from, new.valid_until)
    book_id, name = new.id or ids.new_id(now), rules.named(new.name)
    fields = {
        "name": name,
        "currency": new.currency,
        "valid_from": new.valid_from,
        "valid_until": new.valid_until,
        "state": "active",
    }
    async with db.tenant_transaction(actor.tenant_id):
        # Who looks for a name has the tenant's clock, so that two at once are one after the other.
        await facts.hold_clock(actor.tenant_id)
        books = await queries.price_books(actor)
        held = [each for each in books if each.id == book_id]
        if not held:
            rules.ensure_name_free(name, books)
            if len(books) >= rules.BOOKS_MAX:
                raise rules.TooManyPriceBooks("Change or reuse one of the price books.")
            await facts.add(actor, "price_book", str(book_id), fields, kinds=WRITTEN, now=now)
            await audit.record(actor, "price_book.added", subject_id=book_id, now=now)
            return await queries.price_book(actor, book_id)
    if (held[0].name, held[0].currency) != (name, new.currency):
        raise IdReused("This id belongs to another price book; make a new one.", field="id")
    return held[0]


async def change_price_book(
    actor: Actor, price_book_id: UUID, change: PriceBookEdit, *, now: datetime
) -> PriceBookView:
    """Change a price book's name or days, or take it out of use.

    Books that shared a name before that was refused keep it until one of them is renamed.

    :raises PriceBookDays: it would end before it begins.
    :raises PriceBookNameTaken: another one in use is called so.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    fields = _touched(change)
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(_HOLD_BOOK, actor.tenant_id, price_book_id)
        await facts.hold_clock(actor.tenant_id)
        held = await queries.price_book(actor, price_book_id)
        after = msgspec.structs.replace(held, **fields)
        if after.state == "active" and (after.name, after.state) != (held.name, held.state):
            others = [each for each in await queries.price_books(actor) if each.id != held.id]
            rules.ensure_name_free(after.name, others)
        rules.ensure_days(
            fields.get("valid_from", held.valid_from), fields.get("valid_until", held.valid_until)
        )
        await _note(actor, "price_book", price_book_id, fields, now=now)
        await audit.record(
            actor, "price_book.changed", subject_id=price_book_id, now=now, fields=sorted(fields)
        )
        return await queries.price_book(actor, price_book_id)


async def set_price(
    actor: Actor, price_book_id: UUID, product_id: UUID, price: SetPrice, *, now: datetime
) -> PriceView:
    """Set what a unit of a product costs in a book from now on, and its floor.

    Quotes that were made keep the price they were made with. The same price again is no version.

    :raises FloorAboveList: the floor lies above the price.
    :raises NotFound: there is no such product or book.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    rules.ensure_floor(price.list_minor, price.floor_minor)
    key = (actor.tenant_id, price_book_id, product_id)
    async with db.tenant_transaction(actor.tenant_id):
        await queries.price_book(actor, price_book_id)
        # Two prices at once are two versions: the product is locked first.
        held = await db.connection().fetchrow(_HOLD_PRODUCT, actor.tenant_id, product_id)
        if held is None:
            raise NotFound
        last = await db.connection().fetchrow(_LAST, *key)
        wanted = (price.list_minor, price.floor_minor)
        if last is None or (last["list_minor"], last["floor_minor"]) != wanted:
            version = (last["version"] if last else 0) + 1
            await db.connection().execute(_SET, *key, version, *wanted, actor.user_id, now)
            listed = dict(msgspec.json.decode(held["prices"] or "[]", type=list[tuple[str, int]]))
            listed[str(price_book_id)] = price.list_minor
            prices = [[book, minor] for book, minor in sorted(listed.items())]
            await _note(actor, "product", product_id, {"prices": prices}, now=now)
            await audit.record(actor, "price.set", subject_id=product_id, now=now, version=version)
        return (await queries.price_history(actor, price_book_id, product_id))[0]


async def _note(
    actor: Actor, kind: str, record_id: UUID, fields: dict[str, Any], *, now: datetime
) -> None:
    """Write what a manager decided, so that phones hear of it."""
    await facts.note(actor, {(kind, str(record_id)): fields}, kinds=WRITTEN, now=now)


def _touched(change: ProductEdit | PriceBookEdit) -> dict[str, Any]:
    """Give the fields that are to be different."""
    given = msgspec.structs.asdict(change)
    touched = {
        name: (cleaned(value, name, _LONGEST.get(name, LINE_MAX)) or None)
        if isinstance(value, str)
        else value
        for name, value in given.items()
        if value is not UNSET
    }
    if "name" in touched:
        touched["name"] = rules.named(given["name"])
    return touched
