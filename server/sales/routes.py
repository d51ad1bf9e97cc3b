"""What is sold, over HTTP. Each handler makes one call."""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.customers.reveals import beneath as reveals
from server.customers.schemas import Saved
from server.imports import targets
from server.kit import clock, sheets
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit
from server.kit.sheets import CSV, attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.sales import exports, queries, service
from server.sales.imports.target import PRICES
from server.sales.printing import service as printing
from server.sales.schemas import (
    Decide,
    Decided,
    NewPriceBook,
    NewProduct,
    NewQuote,
    PriceBookEdit,
    PriceBookView,
    PriceView,
    ProductEdit,
    ProductView,
    QuoteDetail,
    QuoteEdit,
    QuoteFilters,
    QuoteState,
    QuoteView,
    SetPrice,
)


@get("/products", summary="List products")
async def list_products(actor: CurrentActor) -> list[ProductView]:
    """List what is sold, with the list prices of each book."""
    return await queries.products(actor)


@post("/products", summary="Add a product")
async def add_product(actor: CurrentActor, data: JSONBody[NewProduct]) -> ProductView:
    """Add a product. For managers."""
    return await service.add_product(actor, data, now=clock.now())


@patch("/products/{product_id:uuid}", summary="Change a product")
async def change_product(
    actor: CurrentActor, product_id: FromPath[UUID], data: JSONBody[ProductEdit]
) -> ProductView:
    """Change a product, or take it out of sale; quotes keep what they were made with."""
    return await service.change_product(actor, product_id, data, now=clock.now())


@get("/prices/export.csv", summary="Export prices", media_type=CSV, opt={"time_limit_s": None})
async def export_prices(actor: CurrentActor) -> Stream:
    """Export all products and prices as CSV that an import takes back. For who keeps prices."""
    return sheets.answer(await exports.prices(actor, now=clock.now()), "prices.csv")


@get("/price-books", summary="List price books")
async def list_books(actor: CurrentActor) -> list[PriceBookView]:
    """List the price books, with the days on which they hold."""
    return await queries.price_books(actor)


@post("/price-books", summary="Add a price book")
async def add_book(actor: CurrentActor, data: JSONBody[NewPriceBook]) -> PriceBookView:
    """Add a price book. For managers."""
    return await service.add_price_book(actor, data, now=clock.now())


@patch("/price-books/{price_book_id:uuid}", summary="Change a price book")
async def change_book(
    actor: CurrentActor, price_book_id: FromPath[UUID], data: JSONBody[PriceBookEdit]
) -> PriceBookView:
    """Change a price book's name or days, or take it out of use."""
    return await service.change_price_book(actor, price_book_id, data, now=clock.now())


@get("/price-books/{price_book_id:uuid}/prices", summary="List prices")
async def list_prices(actor: CurrentActor, price_book_id: FromPath[UUID]) -> list[PriceView]:
    """List the prices of a book; floors are told to those who may see them."""
    return await queries.prices(actor, price_book_id)


@put("/price-books/{price_book_id:uuid}/prices/{product_id:uuid}", summary="Set a price")
async def set_price(
    actor: CurrentActor,
    price_book_id: FromPath[UUID],
    product_id: FromPath[UUID],
    data: JSONBody[SetPrice],
) -> PriceView:
    """Set what a unit costs from now on, and its floor. For managers."""
    return await service.set_price(actor, price_book_id, product_id, data, now=clock.now())


@get("/price-books/{price_book_id:uuid}/prices/{product_id:uuid}", summary="Show price versions")
async def price_history(
    actor: CurrentActor, price_book_id: FromPath[UUID], product_id: FromPath[UUID]
) -> list[PriceView]:
    """List all versions of a price, the newest first."""
    return await queries.price_history(actor, price_book_id, product_id)


async def filters(
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    standing: Annotated[QuoteState | None, QueryParameter(name="state")] = None,
    opportunity_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
) -> QuoteFilters:
    """Gather what a list is narrowed by."""
    return QuoteFilters(state=standing, opportunity_id=opportunity_id, customer_id=customer_id)


TheFilters = NamedDependency[QuoteFilters]


@get("/quotes", summary="List quotes")
async def list_quotes(
    actor: CurrentActor,
    filters: TheFilters,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[QuoteView]:
    """List the quotes within sight, the newest first."""
    return await queries.list_page(actor, filters, cursor=cursor, limit=limit)


@get("/quotes/export.csv", summary="Export quotes", media_type=CSV, opt={"time_limit_s": None})
async def export(actor: CurrentActor, filters: TheFilters) -> Stream:
    """Export the quotes within sight as CSV, a line each. For who may export."""
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "quotes.csv")


@post("/quotes", summary="Write a quote")
async def create(actor: CurrentActor, data: JSONBody[NewQuote]) -> Saved:
    """Write a quote in a deal; it is a draft."""
    return await service.create(actor, data, now=clock.now())


@get("/quotes/{quote_id:uuid}", summary="Show a quote")
async def show(actor: CurrentActor, quote_id: FromPath[UUID]) -> QuoteDetail:
    """Give a quote with its totals and what was done with it."""
    return await queries.detail(actor, quote_id)


@patch("/quotes/{quote_id:uuid}", summary="Change a quote")
async def edit(actor: CurrentActor, quote_id: FromPath[UUID], data: JSONBody[QuoteEdit]) -> Saved:
    """Change a quote; another line, discount or day voids what was approved."""
    return await service.edit(actor, quote_id, data, now=clock.now())


@post("/quotes/{quote_id:uuid}/decisions", status_code=200, summary="Decide about a quote")
async def decide(actor: CurrentActor, quote_id: FromPath[UUID], data: JSONBody[Decide]) -> Decided:
    """Submit, approve, decline, send, accept, refuse, revise or withdraw a quote."""
    return await service.decide(actor, quote_id, data, now=clock.now())


@get(
    "/quotes/{quote_id:uuid}/quote.pdf",
    media_type=PDF,
    opt={"time_limit_s": TIME_LIMIT_S + 10},
    summary="Print a quote",
)
async def print_quote(actor: CurrentActor, quote_id: FromPath[UUID]) -> Response[bytes]:
    """Give a quote as PDF, in Chinese and English; one that may not be sent says so across it."""
    pdf = await printing.as_pdf(actor, quote_id, now=clock.now())
    return Response(pdf, media_type=PDF, headers=attached("quote.pdf"))


targets.register(PRICES)
reveals.register("quote", queries.holders)

router = Router(
    "/",
    route_handlers=[
        list_products,
        add_product,
        change_product,
        list_books,
        add_book,
        change_book,
        list_prices,
        set_price,
        price_history,
        export_prices,
        list_quotes,
        export,
        create,
        show,
        edit,
        decide,
        print_quote,
    ],
    dependencies={"filters": Provide(filters)},
    tags=["sales"],
)
