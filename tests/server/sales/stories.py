"""Short ways to say what happens in the stories about quotes."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.access import Actor
from server.kit import db
from server.sales import queries, service
from server.sales.schemas import (
    Decide,
    Decided,
    NewLine,
    NewPriceBook,
    NewProduct,
    NewQuote,
    QuoteEdit,
    QuoteView,
    SetPrice,
)
from sync_protocol.quoting.states import Verb
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import begin


class Shelf(msgspec.Struct, frozen=True):
    """A product in a price book: 100 yuan, not below 80 without an approval."""

    book: UUID
    product: UUID


async def stock(actor: Actor, *, list_minor: int = 100_00, floor_minor: int = 80_00) -> Shelf:
    """Let a manager put a product into a price book."""
    new = NewPriceBook(name=f"标准价 {new_id()}")
    book = await service.add_price_book(actor, new, now=NOW)
    product = NewProduct(name="收银机", unit="台", tax_bp=1_300)
    made = await service.add_product(actor, product, now=NOW)
    shelf = Shelf(book=book.id, product=made.id)
    await price(actor, shelf, list_minor, floor_minor)
    return shelf


async def price(actor: Actor, shelf: Shelf, list_minor: int, floor_minor: int) -> None:
    """Set a price."""
    wanted = SetPrice(list_minor=list_minor, floor_minor=floor_minor)
    await service.set_price(actor, shelf.book, shelf.product, wanted, now=NOW)


async def write(
    tenant: Tenant,
    shelf: Shelf,
    *,
    price_minor: int | None = None,
    deal: UUID | None = None,
    actor: Actor | None = None,
    pieces: int = 10,
    **fields: Any,
) -> UUID:
    """Write a quote of some pieces in a deal of the rep."""
    actor = actor or tenant.rep
    new = NewQuote(
        opportunity_id=deal or await begin(actor),
        price_book_id=shelf.book,
        name=fields.pop("name", "收银机报价"),
        lines=[
            NewLine(
                product_id=shelf.product, quantity_milli=pieces * 1_000, price_minor=price_minor
            )
        ],
        **fields,
    )
    return (await service.create(actor, new, now=NOW)).id


async def change(actor: Actor, quote: UUID, **fields: Any) -> None:
    """Change a quote."""
    await service.edit(actor, quote, msgspec.convert(fields, QuoteEdit), now=NOW)


async def reprice(actor: Actor, quote: UUID, price_minor: int) -> None:
    """Ask another price for the one line of a quote."""
    (held,) = (await queries.one(actor, quote)).lines
    line = {
        "id": held.id,
        "product_id": held.product_id,
        "quantity_milli": held.quantity_milli,
        "price_minor": price_minor,
    }
    await change(actor, quote, lines=[line])


async def decide(
    actor: Actor, quote: UUID, verb: str, *, now: datetime = NOW, **asked: Any
) -> Decided:
    """Do something with a quote, as it stands where an approval wants to know."""
    if verb == "approve" and "content_hash" not in asked:
        asked["content_hash"] = (await seen(actor, quote)).content_hash
    return await service.decide(actor, quote, Decide(verb=Verb(verb), **asked), now=now)


async def seen(actor: Actor, quote: UUID) -> QuoteView:
    """Look at a quote."""
    return await queries.one(actor, quote)


async def call_alike(tenant: Tenant, name: str) -> None:
    """Call all of a company's price books alike, as they could be before that was refused."""
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE price_book SET name = $2 WHERE tenant_id = $1", tenant.tenant_id, name
        )
