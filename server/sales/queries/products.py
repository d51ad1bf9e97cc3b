"""Products, price books and prices. Floors are told to those who may see them alone."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.sales.rules.quotes import Sold
from server.sales.schemas import ListPrice, PriceBookView, PriceView, ProductView

_PRODUCTS: Final = """
SELECT id, seq, name, code, unit, tax_bp, prices, state FROM product
WHERE tenant_id = $1 AND NOT deleted ORDER BY state, name COLLATE "C", id
"""
_BOOKS: Final = """
SELECT id, seq, name, currency, valid_from, valid_until, state FROM price_book
WHERE tenant_id = $1 AND NOT deleted ORDER BY state, name COLLATE "C", id
"""
_PRICES: Final = """
SELECT p.price_book_id, p.product_id, r.name AS product_name, p.version, p.list_minor,
    p.floor_minor, p.set_by, p.set_at
FROM price p JOIN product r ON r.tenant_id = p.tenant_id AND r.id = p.product_id
WHERE p.tenant_id = $1 AND p.price_book_id = $2
"""
_NOW: Final = f"""
SELECT DISTINCT ON (product_id) * FROM ({_PRICES}) held ORDER BY product_id, version DESC
"""  # noqa: S608 - constants
_HISTORY: Final = f"{_PRICES} AND p.product_id = $3 ORDER BY p.version DESC"
_SOLD: Final = """
SELECT r.id, r.name, coalesce(r.unit, '') AS unit, r.tax_bp, array_agg(p.list_minor) AS listed,
    (array_agg(p.floor_minor ORDER BY p.version DESC))[1] AS floor_minor
FROM price p JOIN product r ON r.tenant_id = p.tenant_id AND r.id = p.product_id
WHERE p.tenant_id = $1 AND p.price_book_id = $2 AND p.product_id = ANY($3::uuid[])
    AND r.state = 'active'
GROUP BY r.id, r.name, r.unit, r.tax_bp
"""


async def products(actor: Actor) -> list[ProductView]:
    """List what is sold, what is retired last."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_PRODUCTS, actor.tenant_id)
    return [_product(row) for row in rows]


async def product(actor: Actor, product_id: UUID) -> ProductView:
    """Give one product.

    :raises NotFound: there is none.
    """
    for held in await products(actor):
        if held.id == product_id:
            return held
    raise NotFound


async def price_books(actor: Actor) -> list[PriceBookView]:
    """List the price books, what is retired last."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_BOOKS, actor.tenant_id)
    return msgspec.convert([dict(row) for row in rows], list[PriceBookView])


async def price_book(actor: Actor, price_book_id: UUID) -> PriceBookView:
    """Give one price book.

    :raises NotFound: there is none.
    """
    for held in await price_books(actor):
        if held.id == price_book_id:
            return held
    raise NotFound


async def prices(actor: Actor, price_book_id: UUID) -> list[PriceView]:
    """List the prices of a book as they hold now, by product.

    :raises NotFound: there is no such book.
    """
    async with db.tenant_transaction(actor.tenant_id):
        await price_book(actor, price_book_id)
        rows = await db.connection().fetch(_NOW, actor.tenant_id, price_book_id)
    return sorted(_prices(actor, rows), key=lambda held: (held.product_name, held.product_id))


async def price_history(actor: Actor, price_book_id: UUID, product_id: UUID) -> list[PriceView]:
    """List all versions of a price, the newest first; none of a product that the book lacks.

    :raises NotFound: there is no such book.
    """
    async with db.tenant_transaction(actor.tenant_id):
        await price_book(actor, price_book_id)
        rows = await db.connection().fetch(_HISTORY, actor.tenant_id, price_book_id, product_id)
    return _prices(actor, rows)


def sees_floors(actor: Actor) -> bool:
    """Say whether somebody may know below what an approval is needed."""
    return Permission.PRICES_MANAGE in ROLE_PERMISSIONS[actor.role]


async def sold(actor: Actor, price_book_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, Sold]:
    """Say how the book sells products, those that it does. For services: it is told to nobody."""
    key = (actor.tenant_id, price_book_id, sorted(set(product_ids)))
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_SOLD, *key)
    return {row["id"]: msgspec.convert(dict(row), Sold) for row in rows}


def _product(row: asyncpg.Record) -> ProductView:
    """Turn a row into a view."""
    held = msgspec.json.decode(row["prices"] or "[]", type=list[tuple[UUID, int]])
    given: dict[str, Any] = {**row, "unit": row["unit"] or ""}
    given["prices"] = [ListPrice(price_book_id=book, list_minor=minor) for book, minor in held]
    return ProductView(**given)


def _prices(actor: Actor, rows: Sequence[asyncpg.Record]) -> list[PriceView]:
    """Turn rows into views, without floors where they are nobody's business."""
    told = sees_floors(actor)
    return [
        PriceView(**{**row, "floor_minor": row["floor_minor"] if told else None}) for row in rows
    ]
