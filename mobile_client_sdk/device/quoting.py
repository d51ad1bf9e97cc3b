"""The commands about quotes: what is sold, write one, and what becomes of it."""

from argparse import Namespace
from decimal import Decimal, InvalidOperation

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotOffered, NotPossible, Wanted
from mobile_client_sdk.conflicts import field_name
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.selling import deal_named, fen, money
from mobile_client_sdk.device.tables import Column
from mobile_client_sdk.records import PriceBook, Product, Quote
from sync_protocol.quoting.lines import LinesInvalid


def products(desk: Desk, asked: Namespace) -> int:
    """List what is sold, once for each price book that sells it."""
    del asked
    words = desk.words
    with desk.open() as client:
        books = {book.id: book.name or "" for book in client.price_books()}
        rows = [
            [product.name or "", product.unit or "", books[book], money(minor)]
            for product in client.products()
            for book, minor in product.prices or ()
            if book in books
        ]
    if not rows:
        desk.say("no_products")
        return DONE
    columns = [
        Column(words("product"), 36),
        Column(words("unit"), 8),
        Column(words("book"), 24),
        Column(words("price"), 16, is_number=True),
    ]
    desk.print_table(columns, rows)
    return DONE


def quotes(desk: Desk, asked: Namespace) -> int:
    """List quotes: all, or a deal's; what waits for the server is marked."""
    words = desk.words
    with desk.open() as client:
        deal = deal_named(desk, client, asked.deal) if asked.deal else None
        rows = [
            [
                quote.id[-ID_END:],
                quote.name,
                _standing(desk, client, quote),
                money(client.totals(quote).net_minor),
                quote.valid_until or "",
            ]
            for quote in client.quotes(deal)
        ]
    if not rows:
        desk.say("no_quotes")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("quote"), 36),
        Column(words("state"), 36),
        Column(words("amount"), 16, is_number=True),
        Column(field_name("valid_until", words.language), 12),
    ]
    desk.print_table(columns, rows)
    return DONE


def write(desk: Desk, asked: Namespace) -> int:
    """Write a quote in a deal; it is a draft until it is submitted."""
    off = fen(desk, asked.off) if asked.off else None
    with desk.open() as client:
        deal = deal_named(desk, client, asked.deal)
        book = _book(desk, client, asked.book)
        wanted = [_wanted(desk, client, text) for text in asked.lines]
        try:
            made = client.write_quote(
                deal, book, asked.name, wanted, discount_minor=off, valid_until=asked.on
            )
        except NotOffered as missing:
            raise Stop(NOT_DONE, desk.words("error.no_price", named=missing)) from missing
        except LinesInvalid as fault:
            raise Stop(USAGE, desk.words("error.line", text=fault)) from fault
        desk.say("added", name=made.name, id=made.id[-ID_END:])
        desk.say("comes_to", amount=money(client.totals(made).net_minor))
    return DONE


def decide(desk: Desk, asked: Namespace) -> int:
    """Submit, approve, send, accept ... a quote; provisional until the next sync."""
    with desk.open() as client:
        quote = _quote(desk, client, asked.quote)
        try:
            client.decide_quote(quote, asked.verb, " ".join(asked.remark) or None)
        except NotPossible as refused:
            state = desk.words(f"quote.{refused}")
            raise Stop(NOT_DONE, desk.words("error.quote_state", state=state)) from refused
        desk.say("quote_asked", name=quote.name, state=_standing(desk, client, quote))
    return DONE


def _standing(desk: Desk, client: Client, quote: Quote) -> str:
    """Write where a quote stands."""
    state, is_provisional = client.quote_state(quote)
    said = desk.words(f"quote.{state}")
    return f"{said} ({desk.words('provisional')})" if is_provisional else said


def _quote(desk: Desk, client: Client, named: str) -> Quote:
    """Answer the quote that a person means.

    :raises Stop: if there is none, or more than one.
    """
    held = client.quotes()
    found = [each for each in held if named in each.name]
    found = found or [each for each in held if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_quote", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.name}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]


def _book(desk: Desk, client: Client, named: str | None) -> PriceBook:
    """Answer the price book that a person means; the only one without a name.

    :raises Stop: if there is none, or more than one.
    """
    found = [book for book in client.price_books() if (named or "") in (book.name or "")]
    if len(found) != 1:
        raise Stop(USAGE if found else NOT_DONE, desk.words("error.no_book", named=named or "?"))
    return found[0]


def _wanted(desk: Desk, client: Client, text: str) -> Wanted:
    """Read ``product=quantity`` or ``product=quantity@price``.

    :raises Stop: it is none.
    """
    named, _, rest = text.rpartition("=")
    amount, _, price = rest.partition("@")
    try:
        milli = Decimal(amount) * 1_000
    except InvalidOperation:
        milli = Decimal("NaN")
    if not named or not milli.is_finite() or milli <= 0 or milli != milli.to_integral_value():
        raise Stop(USAGE, desk.words("error.line", text=text))
    return Wanted(_product(desk, client, named), int(milli), fen(desk, price) if price else None)


def _product(desk: Desk, client: Client, named: str) -> Product:
    """Answer the product that a person means.

    :raises Stop: if there is none, or more than one.
    """
    held = client.products()
    found = [each for each in held if named in {each.name, each.code}]
    found = found or [each for each in held if named in (each.name or "")]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_product", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.name}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]
