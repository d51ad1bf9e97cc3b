"""Products and their prices, book by book: for managers, who alone see floors."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.forms import Problem, given_id, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock, ids, sheets
from server.kit.errors import Invalid, NotFound, Refusal
from server.kit.sheets import CSV
from server.sales import exports, queries, service
from server.sales.schemas import NewPriceBook, NewProduct, PriceBookView, SetPrice


@get("/prices")
async def prices(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show a price book, with what it does not sell yet."""
    chosen = request.query_params.get("book", "")
    return await _prices(request, actor, renderer, chosen, Problem())


@get("/prices/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(actor: CurrentActor) -> Stream:
    """Give all products and prices, as a file that an import takes back."""
    return sheets.answer(await exports.prices(actor, now=clock.now()), "prices.csv")


async def _prices(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, chosen: str, wrong: Problem
) -> Response[Any]:
    """Draw a price book."""
    ensure(actor, Permission.PRICES_MANAGE)
    books = await queries.price_books(actor)
    book = _chosen(books, chosen)
    held = await queries.prices(actor, book.id) if book else []
    now = clock.now()
    return renderer.page(
        request,
        "sales/templates/prices.html",
        status=wrong.status,
        books=books,
        book=book,
        products=await queries.products(actor),
        prices={price.product_id: price for price in held},
        new_ids=(str(ids.new_id(now)), str(ids.new_id(now))),
        wrong=wrong,
        **await frame(request, actor),
    )


def _chosen(books: list[PriceBookView], chosen: str) -> PriceBookView | None:
    """Give the book that the address names; the first without.

    :raises NotFound: there is no such book.
    """
    if not chosen:
        return books[0] if books else None
    wanted = given_id(chosen)
    for held in books:
        if held.id == wanted:
            return held
    raise NotFound


@post("/prices/books", status_code=200)
async def add_book(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a price book."""
    given = await forms.texts(request, "id", "name", "currency", "valid_from", "valid_until")
    values = {name: text for name, text in given.items() if text} | {"name": given["name"]}
    try:
        new = forms.taken(values, NewPriceBook)
        made = await service.add_price_book(actor, new, now=clock.now())
    except Refusal as refusal:
        return await _prices(request, actor, renderer, "", said(request, refusal))
    return _to(made.id, "price_book")


@post("/prices/products", status_code=200)
async def add_product(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a product; its price is set in a book."""
    given = await forms.texts(request, "id", "name", "code", "unit", "tax", "book")
    values: dict[str, Any] = {name: given[name] for name in ("id", "code", "unit") if given[name]}
    try:
        # Percent have hundredths, as yuan have.
        values |= {"name": given["name"], "tax_bp": forms.fen(given["tax"], "tax") or 0}
        await service.add_product(actor, forms.taken(values, NewProduct), now=clock.now())
    except Refusal as refusal:
        return await _prices(request, actor, renderer, "", said(request, refusal))
    return _to(given_id(given["book"]), "product")


@post("/prices/{price_book_id:uuid}/{product_id:uuid}", status_code=200)
async def set_price(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    price_book_id: FromPath[UUID],
    product_id: FromPath[UUID],
) -> Response[Any]:
    """Set a price and its floor; quotes keep the price that they were made with."""
    given = await forms.texts(request, "list", "floor")
    try:
        listed, floor = forms.fen(given["list"], "list"), forms.fen(given["floor"], "floor")
        if listed is None:
            raise Invalid("Write the amount in yuan, such as 12800.50.", field="list")
        wanted = forms.taken(
            {"list_minor": listed, "floor_minor": listed if floor is None else floor}, SetPrice
        )
        await service.set_price(actor, price_book_id, product_id, wanted, now=clock.now())
    except Refusal as refusal:
        wrong = said(request, refusal)
        return await _prices(request, actor, renderer, str(price_book_id), wrong)
    return _to(price_book_id, "price")


def _to(book_id: UUID | None, saved: str) -> Response[Any]:
    """Go on to a book, with a toast."""
    answer = forms.go("/prices", saved)
    if book_id is not None:
        answer.headers["Location"] += f"&book={book_id}"
    return answer
