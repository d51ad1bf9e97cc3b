"""Quotes as plain facts: written and changed. What becomes of them is decided by `deciding`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.access import Actor, Permission, ensure
from server.changelog import service as changelog
from server.customers.rules import masks
from server.customers.saving import named, saved
from server.customers.schemas import Saved
from server.kit import clock, db, ids
from server.pipeline import queries as pipeline
from server.sales import queries
from server.sales.kinds import WRITTEN
from server.sales.rules.quotes import NotPriced
from server.sales.schemas import NewLine, NewQuote, QuoteEdit
from sync_protocol.messages import Create, Edit
from sync_protocol.quoting import lines as quoting
from sync_protocol.quoting.lines import Line

_KIND = "quote"


async def create(actor: Actor, new: NewQuote, *, now: datetime) -> Saved:
    """Write a quote in a deal; it is a draft.

    :raises NotFound: the deal or the book is not there, or out of sight.
    :raises NotPriced: a product is not sold by this book.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    quote_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        deal = await pipeline.one(actor, new.opportunity_id, now=now)
        await queries.price_book(actor, new.price_book_id)
        asked = named(quote_id, new.lines)
        lines = await _filled(actor, new.price_book_id, asked, (), now=now)
        given = {
            "customer_id": str(deal.customer_id),
            "opportunity_id": str(new.opportunity_id),
            "price_book_id": str(new.price_book_id),
            "name": new.name,
            "lines": quoting.write(lines),
            "discount_minor": new.discount_minor or None,
            "valid_until": new.valid_until,
            "remark": new.remark,
        }
        op = Create(
            number=1,
            kind=_KIND,
            id=str(quote_id),
            fields={name: value for name, value in given.items() if value is not None},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )
        return saved(quote_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def edit(actor: Actor, quote_id: UUID, change: QuoteEdit, *, now: datetime) -> Saved:
    """Change a quote. Another line, discount or day makes it a draft again.

    :raises QuoteClosed: the customer has it, or it came to its end; revise it first.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    touched = {
        name: value
        for name, value in msgspec.structs.asdict(change).items()
        if name not in {"base", "lines"} and value is not UNSET
    }
    if touched.get("discount_minor") == 0:
        touched["discount_minor"] = None
    async with db.tenant_transaction(actor.tenant_id):
        if not isinstance(change.lines, UnsetType):
            held = await queries.one(masks.unmasked(actor), quote_id)
            lines = await _filled(actor, held.price_book_id, change.lines, held.lines, now=now)
            touched["lines"] = quoting.write(lines)
        op = Edit(
            number=1,
            kind=_KIND,
            id=str(quote_id),
            fields=touched,
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now() if change.base is None else change.base,
        )
        return saved(quote_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def _filled(
    actor: Actor,
    price_book_id: UUID,
    given: Sequence[NewLine],
    held: Sequence[Line],
    *,
    now: datetime,
) -> list[Line]:
    """Fill lines from products and their prices; a line that was there keeps its list price.

    :raises NotPriced: a product is not sold by this book.
    """
    products = {each.id: each for each in await queries.products(actor)}
    before: Mapping[str, Line] = {line.id: line for line in held}
    made = []
    for at, each in enumerate(given):
        line_id = str(each.id or ids.new_id(now))
        old = before.get(line_id)
        if old is not None and old.product_id == str(each.product_id):
            asked: dict[str, Any] = {"quantity_milli": each.quantity_milli}
            if each.price_minor is not None:
                asked["price_minor"] = each.price_minor
            made.append(msgspec.structs.replace(old, **asked))
            continue
        product = products.get(each.product_id)
        listed = {p.price_book_id: p.list_minor for p in product.prices} if product else {}
        if product is None or product.state != "active" or price_book_id not in listed:
            raise NotPriced(
                "This product has no price in the book; take the line out.",
                field=f"lines[{at}].product_id",
            )
        list_minor = listed[price_book_id]
        made.append(
            Line(
                id=line_id,
                product_id=str(product.id),
                name=product.name,
                unit=product.unit,
                quantity_milli=each.quantity_milli,
                list_minor=list_minor,
                price_minor=list_minor if each.price_minor is None else each.price_minor,
                tax_bp=product.tax_bp,
            )
        )
    return made
