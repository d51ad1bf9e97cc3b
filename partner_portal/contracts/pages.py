"""Contracts: the list, one to write and to decide about, and what came in."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.formats import CONTRACT_COLOURS
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.attachments import queries as attachments
from server.contracts import exports, queries, service
from server.contracts.schemas import (
    ContractEdit,
    ContractFilters,
    ContractView,
    Decide,
    NewContract,
    Receive,
)
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock, ids, sheets
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.kit.sheets import CSV
from server.pipeline import queries as pipeline
from server.pipeline.schemas import OpportunityView
from server.sales import queries as sales
from sync_protocol.contracting.states import BINDING, LEADS, OPEN, State, Verb, is_possible

ENDING_DAYS: Final = 60
"""How long before its last day a contract stands among those to renew."""
ICONS: Final[Mapping[str, str]] = {
    Verb.SUBMIT: "arrow-right",
    Verb.APPROVE: "check",
    Verb.DECLINE: "undo-2",
    Verb.SIGN: "badge-check",
    Verb.REVISE: "pencil",
    Verb.TERMINATE: "circle-x",
    Verb.VOID: "trash-2",
    "begin": "calendar",
    "end": "clock",
}
_MANAGED: Final = frozenset({Verb.APPROVE, Verb.DECLINE, Verb.TERMINATE})
_VIEWS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {},
    "overdue": {"is_overdue": True},
    "ending": {"ending_within": ENDING_DAYS},
    "untraced": {"is_untraced": True},
    **{str(state): {"state": str(state)} for state in State},
}
"""What the tabs of the list narrow it by."""
_FIELDS: Final = (
    *("title", "number", "party_a", "party_b", "currency", "amount", "effective_on", "ends_on"),
    "remark",
)
_MADE_FROM: Final = ("customer_id", "opportunity_id", "quote_id", "renews_id")
_BLANK_ROWS: Final = 3
"""Empty instalments that the form of a contract without any offers."""


# ----------------------------------------------------------------------------------------- lists


@get("/contracts")
async def contract_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the contracts within sight, the newest first."""
    view, text = request.query_params.get("view", ""), request.query_params.get("q", "")
    now = clock.now()
    page = await queries.list_page(
        actor, _filters(view, text), now=now, cursor=request.query_params.get("cursor")
    )
    return renderer.page(
        request,
        "contracts/templates/contracts.html",
        page=page,
        view=view,
        views=list(_VIEWS),
        q=text,
        colours=CONTRACT_COLOURS,
        may_export=Permission.CUSTOMERS_EXPORT in ROLE_PERMISSIONS[actor.role],
        today=now.astimezone(ZONE).date().isoformat(),
        **await frame(request, actor),
    )


def _filters(view: str, text: str) -> ContractFilters:
    """Turn a tab and a text into filters; an unknown tab is the whole list."""
    return forms.taken({**_VIEWS.get(view, {}), "q": text.strip() or None}, ContractFilters)


@get("/contracts/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the contracts that the list shows, as a file that spreadsheet programs open."""
    asked = request.query_params
    filters = _filters(asked.get("view", ""), asked.get("q", ""))
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "contracts.csv")


# ------------------------------------------------------------------------------------- a new one


@get("/contracts/new")
async def new_contract(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the form of a new contract, filled from the quote, deal or contract it is made from."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    asked = {
        name: forms.given_id(text)
        for name in _MADE_FROM
        if (text := request.query_params.get(name, ""))
    }
    given = {"id": str(ids.new_id(clock.now())), "currency": "CNY"}
    given = {**dict.fromkeys((*_MADE_FROM, *_FIELDS), ""), **given}
    given |= {name: str(id_) for name, id_ in asked.items() if id_ is not None}
    given |= await _drawn(actor, asked)
    return await _new(request, actor, renderer, given, Problem())


async def _drawn(actor: Actor, asked: Mapping[str, UUID | None]) -> dict[str, str]:
    """Fill a form from what the contract is made from."""
    now = clock.now()
    if quote_id := asked.get("quote_id"):
        quote = await sales.one(actor, quote_id)
        return {
            "title": quote.name,
            "party_a": quote.customer_name,
            "currency": quote.currency,
            "amount": _yuan(quote.totals.net_minor),
            "customer_id": str(quote.customer_id),
        }
    if renews_id := asked.get("renews_id"):
        old = await queries.one(actor, renews_id, now=now)
        return {**_given(old), "number": "", "effective_on": "", "ends_on": "", "remark": ""} | {
            "customer_id": str(old.customer_id)
        }
    if opportunity_id := asked.get("opportunity_id"):
        deal = await pipeline.one(actor, opportunity_id, now=now)
        amount = "" if deal.amount_minor is None else _yuan(deal.amount_minor)
        return {
            "title": deal.name,
            "party_a": deal.customer_name,
            "amount": amount,
            "customer_id": str(deal.customer_id),
        }
    if customer_id := asked.get("customer_id"):
        open_ = [each for each in await _deals(actor, customer_id) if each.state == "open"]
        return {
            "party_a": (await customers.one(actor, customer_id)).name,
            # What else should it come of, where there is one deal alone.
            "opportunity_id": str(open_[0].id) if len(open_) == 1 else "",
        }
    return {}


async def _deals(actor: Actor, customer_id: UUID) -> list[OpportunityView]:
    """Give the deals of which a contract with the customer may come."""
    held = await pipeline.of_customer(actor, customer_id, now=clock.now())
    return [each for each in held if each.state != "lost"]


async def _new(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new contract.

    :raises NotFound: the customer is not there, or out of sight.
    """
    customer_id = forms.given_id(given.get("customer_id", ""))
    customer = await customers.one(actor, customer_id) if customer_id else None
    is_free = customer_id and not (given.get("quote_id") or given.get("renews_id"))
    deals = await _deals(actor, customer_id) if customer_id and is_free else []
    return renderer.page(
        request,
        "contracts/templates/new.html",
        deals=[(str(each.id), each.name) for each in deals],
        status=wrong.status,
        customer=customer,
        given=given,
        made_from=_MADE_FROM,
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/contracts/new", status_code=200)
async def write(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Write a contract; sending twice makes one."""
    given = await forms.texts(request, "id", *_MADE_FROM, *_FIELDS)
    try:
        values = {name: text for name, text in given.items() if text and name != "amount"}
        values |= {"title": given["title"]}
        amount = forms.fen(given["amount"])
        taken = forms.taken({**values, "amount_minor": amount}, NewContract)
        saved = await service.create(actor, taken, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _new(request, actor, renderer, given, wrong)
    return forms.go(f"/contracts/{saved.id}", "contract_begun")


# ------------------------------------------------------------------------------------------- one


@get("/contracts/{contract_id:uuid}")
async def contract(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, contract_id: FromPath[UUID]
) -> Response[Any]:
    """Show one contract."""
    return await show(request, actor, renderer, contract_id, Problem())


async def show(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, contract_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a contract: what it says, its payments, its paper, what was done."""
    now = clock.now()
    found = await queries.detail(actor, contract_id, now=now)
    held = found.contract
    may_write = Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role]
    kept = await attachments.of_customer(actor, held.customer_id)
    papers = [each for each in kept if each.subject_id == contract_id]
    return renderer.page(
        request,
        "contracts/templates/contract.html",
        status=wrong.status,
        found=found,
        contract=held,
        given=_given(held),
        yuan=_yuan,
        blank_rows=1 if held.plan else _BLANK_ROWS,
        names_of={str(each.id): each.name for each in held.plan},
        verbs=_verbs(actor, held),
        icons=ICONS,
        colours=CONTRACT_COLOURS,
        names=(await identity.directory(actor)).people,
        papers=papers,
        may_write=may_write,
        may_edit=may_write and held.state in OPEN,
        may_receive=may_write and held.state in BINDING and held.received_minor < held.amount_minor,
        may_renew=may_write and held.state in BINDING and held.renewed_by_id is None,
        # The same form of the same page is the same receipt or paper, however often it arrives.
        receipt_id=str(uuid5(contract_id, f"{actor.user_id} {held.seq} receipt")),
        paper_id=str(uuid5(contract_id, f"{actor.user_id} {len(papers)} paper")),
        today=now.astimezone(ZONE).date().isoformat(),
        wrong=wrong,
        **await frame(request, actor),
    )


def _yuan(minor: int) -> str:
    """Write an amount as its field shows it."""
    return f"{minor / forms.FEN:.2f}".removesuffix(".00")


def _given(held: ContractView) -> dict[str, str]:
    """Write a contract's fields as its form shows them."""
    written = {name: str(getattr(held, name) or "") for name in _FIELDS if name != "amount"}
    return {**written, "amount": _yuan(held.amount_minor)}


def _verbs(actor: Actor, held: ContractView) -> list[str]:
    """Give what this person may do with the contract now, what leads on first."""
    allowed = ROLE_PERMISSIONS[actor.role]
    if Permission.CUSTOMERS_WRITE not in allowed:
        return []
    makers = {held.edited_by, held.submitted_by}
    return [
        verb
        for verb in LEADS
        if is_possible(verb, State(held.state))
        and (verb not in _MANAGED or Permission.CONTRACTS_APPROVE in allowed)
        and (verb is not Verb.APPROVE or actor.user_id not in makers)
    ]


@post("/contracts/{contract_id:uuid}/decisions", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, contract_id: FromPath[UUID]
) -> Response[Any]:
    """Do something with a contract, as the page showed it; sending twice does it once."""
    given = await forms.texts(request, "seen", "verb", "content_hash", "remark", "signed_on")
    # The same button of the same page is the same decision, however often it arrives.
    seen = given.pop("seen")
    values = {name: text for name, text in given.items() if text}
    values["id"] = str(uuid5(contract_id, f"{actor.user_id} {seen} {given['verb']}"))
    try:
        asked = forms.taken(values, Decide)
        decided = await service.decide(actor, contract_id, asked, now=clock.now())
    except Refusal as refusal:
        return await show(request, actor, renderer, contract_id, said(request, refusal))
    return forms.go(f"/contracts/{contract_id}", f"contract_{decided.contract.state}")


@post("/contracts/{contract_id:uuid}", status_code=200)
async def change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, contract_id: FromPath[UUID]
) -> Response[Any]:
    """Save what a contract says, its payment plan with it: both must come to one amount."""
    try:
        edit = forms.taken(await _touched(request), ContractEdit)
        await service.edit(actor, contract_id, edit, now=clock.now())
    except Refusal as refusal:
        return await show(request, actor, renderer, contract_id, said(request, refusal))
    return forms.go(f"/contracts/{contract_id}", "contract")


async def _touched(request: AnyRequest) -> dict[str, Any]:
    """Read what the form says; what it does not send stays as it is.

    :raises Invalid: an amount is none.
    """
    form = {name: str(text).strip() for name, text in (await request.form()).items()}
    touched: dict[str, Any] = {
        name: form[name] or None for name in _FIELDS if name in form and name != "amount"
    }
    if "amount" in form:
        touched["amount_minor"] = forms.fen(form["amount"]) or 0
    if (base := forms.whole(form.get("base", ""))) is not None:
        touched["base"] = base
    if (rows := forms.whole(form.get("rows", "")[:3])) is not None:
        touched["plan"] = [
            _row(form, at)
            for at in range(rows)
            if form.get(f"part_{at}") and form.get("drop") != str(at)
        ]
    return touched


def _row(form: Mapping[str, str], at: int) -> dict[str, Any]:
    """Read one instalment of the form; a row without an amount was left blank."""
    return {
        "id": form.get(f"row_{at}") or None,
        "name": form.get(f"name_{at}", ""),
        "due_on": form.get(f"due_{at}", ""),
        "amount_minor": forms.fen(form[f"part_{at}"], f"part_{at}"),
    }


@post("/contracts/{contract_id:uuid}/receipts", status_code=200)
async def receive(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, contract_id: FromPath[UUID]
) -> Response[Any]:
    """Note that money came in, or take back what was noted by mistake; twice is once."""
    names = ("id", "instalment_id", "received_on", "remark")
    given = await forms.texts(request, *names, "received", "sign")
    try:
        amount = forms.fen(given["received"], "received") or 0
        values: dict[str, Any] = {name: given[name] for name in names if given[name]}
        values["amount_minor"] = -amount if given["sign"] == "back" else amount
        await service.receive(actor, contract_id, forms.taken(values, Receive), now=clock.now())
    except Refusal as refusal:
        return await show(request, actor, renderer, contract_id, said(request, refusal))
    return forms.go(f"/contracts/{contract_id}", "contract_received")
