"""Quotes: the list, one to write and to decide about."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.formats import QUOTE_COLOURS
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.kit import clock, ids, sheets
from server.kit.errors import Refusal
from server.kit.sheets import CSV, attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.pipeline import queries as pipeline
from server.sales import exports, queries, service
from server.sales.printing import service as printing
from server.sales.schemas import Decide, NewQuote, QuoteDetail, QuoteEdit, QuoteFilters
from sync_protocol.quoting.states import LEADS, OPEN, State, Verb, is_possible

_ICONS: Final[Mapping[str, str]] = {
    Verb.SUBMIT: "arrow-right",
    Verb.APPROVE: "check",
    Verb.DECLINE: "undo-2",
    Verb.SEND: "mail",
    Verb.ACCEPT: "circle-check",
    Verb.REFUSE: "circle-x",
    Verb.REVISE: "pencil",
    Verb.WITHDRAW: "trash-2",
    "expire": "clock",
}


@get("/quotes")
async def quote_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the quotes within sight, the newest first."""
    filters = _asked(request)
    page = await queries.list_page(actor, filters, cursor=request.query_params.get("cursor"))
    return renderer.page(
        request,
        "sales/templates/quotes.html",
        page=page,
        state=filters.state or "",
        states=list(State),
        colours=QUOTE_COLOURS,
        may_export=Permission.CUSTOMERS_EXPORT in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


def _asked(request: AnyRequest) -> QuoteFilters:
    """Read which quotes are asked for."""
    return forms.taken({"state": request.query_params.get("state") or None}, QuoteFilters)


@get("/quotes/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the quotes that the list shows, as a file that spreadsheet programs open."""
    filters = _asked(request)
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "quotes.csv")


@get("/deals/{opportunity_id:uuid}/quotes/new")
async def new_quote(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Show an empty form for a quote in a deal."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    given = {"id": str(ids.new_id(clock.now())), "name": "", "price_book_id": "", "valid_until": ""}
    return await _new(request, actor, renderer, opportunity_id, given, Problem())


@post("/deals/{opportunity_id:uuid}/quotes/new", status_code=200)
async def write(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Write a quote without lines yet; sending twice makes one."""
    given = await forms.texts(request, "id", "name", "price_book_id", "valid_until")
    try:
        values = {name: text for name, text in given.items() if text}
        values |= {"opportunity_id": str(opportunity_id), "name": given["name"]}
        saved = await service.create(actor, forms.taken(values, NewQuote), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _new(request, actor, renderer, opportunity_id, given, wrong)
    return forms.go(f"/quotes/{saved.id}", "quote_begun")


async def _new(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    opportunity_id: UUID,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new quote."""
    books = await queries.price_books(actor)
    return renderer.page(
        request,
        "sales/templates/new.html",
        status=wrong.status,
        deal=await pipeline.one(actor, opportunity_id, now=clock.now()),
        books=[(str(book.id), book.name) for book in books if book.state == "active"],
        given=given,
        wrong=wrong,
        **await frame(request, actor),
    )


@get("/quotes/{quote_id:uuid}")
async def quote(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, quote_id: FromPath[UUID]
) -> Response[Any]:
    """Show one quote."""
    return await _quote(request, actor, renderer, quote_id, Problem())


@get("/quotes/{quote_id:uuid}/quote.pdf", media_type=PDF, opt={"time_limit_s": TIME_LIMIT_S + 10})
async def quote_pdf(actor: CurrentActor, quote_id: FromPath[UUID]) -> Response[bytes]:
    """Give a quote as PDF, to be sent to the customer."""
    pdf = await printing.as_pdf(actor, quote_id, now=clock.now())
    return Response(pdf, media_type=PDF, headers=attached("quote.pdf"))


async def _quote(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, quote_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a quote: its lines, what may be done, what was done."""
    found = await queries.detail(actor, quote_id)
    book = await queries.price_book(actor, found.quote.price_book_id)
    may_write = Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role]
    return renderer.page(
        request,
        "sales/templates/quote.html",
        status=wrong.status,
        found=found,
        quote=found.quote,
        totals=found.quote.totals,
        floors={each.line_id: each for each in found.floors},
        book=book,
        offered=[
            (str(product.id), product.name)
            for product in await queries.products(actor)
            if product.state == "active"
            and any(price.price_book_id == book.id for price in product.prices)
        ],
        verbs=_verbs(actor, found),
        icons=_ICONS,
        colours=QUOTE_COLOURS,
        names=(await identity.directory(actor)).people,
        may_write=may_write,
        may_edit=may_write and found.quote.state in OPEN,
        wrong=wrong,
        **await frame(request, actor),
    )


def _verbs(actor: Actor, found: QuoteDetail) -> list[str]:
    """Give what this person may do with the quote now, what leads on first."""
    allowed = ROLE_PERMISSIONS[actor.role]
    makers = {found.quote.edited_by, found.quote.submitted_by}
    if Permission.CUSTOMERS_WRITE not in allowed:
        return []
    return [
        verb
        for verb in LEADS
        if is_possible(verb, State(found.quote.state))
        and (verb not in {Verb.APPROVE, Verb.DECLINE} or Permission.QUOTES_APPROVE in allowed)
        and (verb is not Verb.APPROVE or actor.user_id not in makers)
        and (verb is not Verb.SUBMIT or found.quote.lines)
    ]


@post("/quotes/{quote_id:uuid}/decisions", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, quote_id: FromPath[UUID]
) -> Response[Any]:
    """Do something with a quote, as the page showed it; sending twice does it once."""
    given = await forms.texts(request, "seen", "verb", "content_hash", "remark")
    # The same button of the same page is the same decision, however often it arrives.
    seen = given.pop("seen")
    values = {name: text for name, text in given.items() if text}
    values["id"] = str(uuid5(quote_id, f"{actor.user_id} {seen} {given['verb']}"))
    try:
        asked = forms.taken(values, Decide)
        decided = await service.decide(actor, quote_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _quote(request, actor, renderer, quote_id, said(request, refusal))
    return forms.go(f"/quotes/{quote_id}", f"quote_{decided.quote.state}")


@post("/quotes/{quote_id:uuid}", status_code=200)
async def change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, quote_id: FromPath[UUID]
) -> Response[Any]:
    """Save lines, discount and last day; what a form does not send stays as it is."""
    try:
        edit = forms.taken(await _touched(request, actor, quote_id), QuoteEdit)
        await service.edit(actor, quote_id, edit, now=clock.now())
    except Refusal as refusal:
        return await _quote(request, actor, renderer, quote_id, said(request, refusal))
    return forms.go(f"/quotes/{quote_id}", "quote")


async def _touched(request: AnyRequest, actor: Actor, quote_id: UUID) -> dict[str, Any]:
    """Read what the form says.

    :raises Invalid: a number is none.
    """
    form = {name: str(text).strip() for name, text in (await request.form()).items()}
    touched: dict[str, Any] = {
        name: form[name] or None for name in ("valid_until", "remark") if name in form
    }
    if "discount" in form:
        touched["discount_minor"] = forms.fen(form["discount"], "discount") or 0
    if (base := forms.whole(form.get("base", ""))) is not None:
        touched["base"] = base
    lines = []
    for line in (await queries.one(actor, quote_id)).lines:
        quantity = form.get(f"quantity_{line.id}", "")
        price = forms.fen(form.get(f"price_{line.id}", ""), f"price_{line.id}")
        said_line = {
            "id": line.id,
            "product_id": line.product_id,
            "quantity_milli": forms.milli(quantity) if quantity else line.quantity_milli,
            "price_minor": line.price_minor if price is None else price,
        }
        if form.get("drop") != line.id:
            lines.append(said_line)
    if form.get("product_id"):
        new: dict[str, Any] = {
            "product_id": form["product_id"],
            "quantity_milli": forms.milli(form.get("quantity") or "1"),
            "price_minor": forms.fen(form.get("price", ""), "price"),
        }
        lines.append(new)
    return {**touched, "lines": lines}
