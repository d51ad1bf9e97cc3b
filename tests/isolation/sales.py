"""Products, price books and quotes of the two companies that must never meet."""

from uuid import UUID

from server.kit import clock
from server.sales import service
from server.sales.schemas import (
    Decide,
    NewLine,
    NewPriceBook,
    NewProduct,
    NewQuote,
    SetPrice,
)
from sync_protocol.quoting.states import Verb
from tests.factories import Tenant


async def new_product(tenant: Tenant, name: str) -> UUID:
    """Add a product."""
    new = NewProduct(name=name, unit="台", tax_bp=1_300)
    return (await service.add_product(tenant.owner, new, now=clock.now())).id


async def new_price_book(tenant: Tenant, name: str, product_id: UUID) -> UUID:
    """Add a price book that sells a product."""
    now = clock.now()
    book = await service.add_price_book(tenant.owner, NewPriceBook(name=name), now=now)
    price = SetPrice(list_minor=100_00, floor_minor=80_00)
    await service.set_price(tenant.owner, book.id, product_id, price, now=now)
    return book.id


async def new_quote(
    tenant: Tenant, name: str, opportunity_id: UUID, price_book_id: UUID, product_id: UUID
) -> UUID:
    """Write a quote that waits for an approval."""
    now = clock.now()
    new = NewQuote(
        opportunity_id=opportunity_id,
        price_book_id=price_book_id,
        name=name,
        lines=[NewLine(product_id=product_id, quantity_milli=1_000, price_minor=1_00)],
        remark=f"{name}的备注",
    )
    quote = (await service.create(tenant.rep, new, now=now)).id
    asked = Decide(verb=Verb.SUBMIT, remark=f"{name}的说明")
    await service.decide(tenant.rep, quote, asked, now=now)
    return quote
