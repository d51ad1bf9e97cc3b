"""Keep a whole price list: products and prices by the hundred, in the open transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import facts
from server.kit import db
from server.sales.kinds import WRITTEN

_HOLD: Final = """
SELECT id, name, code, unit, tax_bp, prices FROM product
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted ORDER BY id FOR UPDATE
"""
_LAST: Final = """
SELECT DISTINCT ON (price_book_id, product_id)
    price_book_id, product_id, version, list_minor, floor_minor
FROM price WHERE tenant_id = $1 AND product_id = ANY($2::uuid[])
ORDER BY price_book_id, product_id, version DESC
"""
_SET: Final = """
INSERT INTO price (tenant_id, price_book_id, product_id, version, list_minor, floor_minor, set_by,
    set_at)
SELECT $1, p.book, p.product, p.version, p.list_minor, p.floor_minor, $2, $3
FROM UNNEST($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[])
    AS p(book, product, version, list_minor, floor_minor)
"""
_NEW: Final = {"code": None, "unit": None, "tax_bp": 0, "state": "active"}


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a price list."""

    product_id: UUID
    fields: Mapping[str, Any]
    """What it says of the product; a new one has a name."""
    book_id: UUID | None = None
    list_minor: int | None = None
    floor_minor: int | None = None
    """None keeps the floor that holds; a first price without one is its own floor."""


async def keep(actor: Actor, lines: Sequence[Listed], *, now: datetime) -> list[bool]:
    """Keep the lines of a price list; say of each whether it changed something.

    New products are made under the ids of their lines; a price that is different is one more
    version. In the open transaction; the lines are in order, and no two price one product in one
    book.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    key = (actor.tenant_id, list({each.product_id for each in lines}))
    held = {row["id"]: dict(row) for row in await db.connection().fetch(_HOLD, *key)}
    last = {
        (row["price_book_id"], row["product_id"]): row
        for row in await db.connection().fetch(_LAST, *key)
    }
    new = await _add_missing(actor, lines, held, now=now)
    held |= new
    changed, prices = list[bool](), list[tuple[Any, ...]]()
    noted = dict[UUID, dict[str, Any]]()
    for line in lines:
        is_new = new.pop(line.product_id, None) is not None
        was = held[line.product_id]
        different = {name: value for name, value in line.fields.items() if was[name] != value}
        if (price := _price(line, last)) is not None:
            prices.append(price)
            different["prices"] = _with_price(was["prices"], line)
        was.update(different)
        noted.setdefault(line.product_id, {}).update(different)
        changed.append(is_new or bool(different))
    await _set(actor, prices, now=now)
    facts_of = {("product", str(each)): fields for each, fields in noted.items() if fields}
    await facts.note(actor, facts_of, kinds=WRITTEN, now=now)
    if any(changed):
        counts = {"lines": len(lines), "prices": len(prices)}
        await audit.record(actor, "prices.imported", subject_id=None, now=now, **counts)
    return changed


async def _add_missing(
    actor: Actor, lines: Sequence[Listed], held: Mapping[UUID, Any], *, now: datetime
) -> dict[UUID, dict[str, Any]]:
    """Make the products that are not there, at once, as their first lines say; give what they hold.

    However long the list is, that is one unit of work.
    """
    new: dict[UUID, dict[str, Any]] = {}
    for line in lines:
        if line.product_id not in held:
            new.setdefault(line.product_id, {**_NEW, **line.fields})
    if new:
        made = {str(product_id): fields for product_id, fields in new.items()}
        await facts.add_many(actor, "product", made, kinds=WRITTEN, now=now)
    return {product_id: {**fields, "prices": None} for product_id, fields in new.items()}


async def _set(actor: Actor, prices: Sequence[tuple[Any, ...]], *, now: datetime) -> None:
    """Write versions of prices: book, product, version, list price, floor."""
    if prices:
        columns = [list(column) for column in zip(*prices, strict=True)]
        await db.connection().execute(_SET, actor.tenant_id, actor.user_id, now, *columns)


def _price(line: Listed, last: Mapping[tuple[UUID, UUID], Any]) -> tuple[Any, ...] | None:
    """Give the next version of a price; None where the line says none, or what holds."""
    if line.book_id is None or line.list_minor is None:
        return None
    before = last.get((line.book_id, line.product_id))
    floor = line.floor_minor
    if floor is None:
        floor = min(before["floor_minor"], line.list_minor) if before else line.list_minor
    if before and (before["list_minor"], before["floor_minor"]) == (line.list_minor, floor):
        return None
    version = (before["version"] if before else 0) + 1
    return line.book_id, line.product_id, version, line.list_minor, floor


def _with_price(held: str | list[list[Any]] | None, line: Listed) -> list[list[Any]]:
    """Give a product's list prices, with the one of this line."""
    known = msgspec.json.decode(held) if isinstance(held, str) else held or []
    listed = dict(known) | {str(line.book_id): line.list_minor}
    return [[book, minor] for book, minor in sorted(listed.items())]
