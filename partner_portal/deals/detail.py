"""One deal: what to do next, with templates at hand; its moves; its facts."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.customers import own, record
from partner_portal.deals.board import refused
from partner_portal.formats import (
    CONTRACT_COLOURS,
    QUOTE_COLOURS,
    REQUEST_COLOURS,
    STAGE_COLOURS,
)
from partner_portal.forms import Problem, given_id
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, Note, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.contracts import queries as contracts
from server.customers import queries as customers
from server.customers.custom import queries as customs
from server.customers.reveals import queries as reveals
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal
from server.pipeline import queries, service
from server.pipeline.schemas import (
    Move,
    NewOpening,
    NewOpportunity,
    OpportunityEdit,
    OpportunityView,
)
from server.problems import status_of
from server.requests import queries as requests
from server.sales import queries as sales
from sync_protocol import custom_fields
from sync_protocol.process import gates
from sync_protocol.process.definition import Definition
from sync_protocol.schema import CustomType

_PEOPLE: Final = ("account_manager_id", "solution_manager_id", "fulfilment_manager_id")
_FORM: Final = ("name", "amount", "expected_on", "forecast_category", "competitor", "remark")
_OWN: Final = "own"
"""What a form sends that has the company's own fields."""
CATEGORIES: Final = ("commit", "best", "pipeline", "omitted")
LOST_REASONS: Final = ("price", "competitor", "no_budget", "no_need", "timing", "other")


@get("/deals/{opportunity_id:uuid}")
async def deal(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Show one deal; only its body when the page refreshes itself."""
    return await _deal(request, actor, renderer, opportunity_id)


async def _deal(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    opportunity_id: UUID,
    *,
    status: int = 200,
    note: Note | None = None,
    shown_template: UUID | None = None,
    wrong: Problem | None = None,
) -> Response[Any]:
    """Draw a deal, or its body alone."""
    found = await queries.detail(actor, opportunity_id, now=clock.now())
    directory = await identity.directory(actor)
    own_fields = await customs.definitions(actor, "opportunity")
    given = _given(found.opportunity) | _own_given(found.opportunity, own_fields)
    done = {str(step) for step in found.opportunity.done_steps}
    shown: dict[str, Any] = {
        **own.drawn(own_fields, given, record.spoken(forms.words_of(request))),
        "found": found,
        "deal": found.opportunity,
        "process": found.process,
        "done": done,
        "must": must_steps(found.process.definition, found.opportunity.stage, done),
        "opened": {str(template): times for template, times in found.opened.items()},
        "shown_template": str(shown_template or ""),
        "names": directory.people,
        "people": directory.offered(*(given[name] for name in _PEOPLE)),
        "given": given,
        "wrong": wrong or Problem(),
        "stage_colours": STAGE_COLOURS,
        "categories": CATEGORIES,
        "lost_reasons": LOST_REASONS,
        "quotes": await sales.of_deal(actor, opportunity_id),
        "quote_colours": QUOTE_COLOURS,
        "contracts": await contracts.of_deal(actor, opportunity_id, now=clock.now()),
        "contract_colours": CONTRACT_COLOURS,
        "requests": await requests.of_deal(actor, opportunity_id, now=clock.now()),
        "request_colours": REQUEST_COLOURS,
        "may_write": Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
        "are_hidden": reveals.are_hidden(actor, found.opportunity.owner_id)
        and any(
            each.type is CustomType.PHONE and each.name in found.opportunity.custom
            for each in own_fields
        ),
        "told": note,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "deals/templates/body.html", status=status, **shown)
    return renderer.page(
        request, "deals/templates/deal.html", status=status, **shown, **await frame(request, actor)
    )


def must_steps(process: Definition, stage_id: str, done: Collection[str]) -> tuple[int, int]:
    """Count the steps without which a deal stays, up to its stage: how many are done, and all."""
    place = process.place(stage_id) or 0
    return gates.must_be_done(process.stages[: place + 1], done)


def _given(held: OpportunityView) -> dict[str, str]:
    """Write a deal's fields as its form shows them."""
    amount = "" if held.amount_minor is None else f"{held.amount_minor / forms.FEN:.2f}"
    written = {
        name: str(getattr(held, name) or "") for name in (*_FORM, *_PEOPLE) if name != "amount"
    }
    return {**written, "amount": amount.removesuffix(".00"), "base": str(held.seq)}


def _own_given(
    held: OpportunityView, own_fields: Sequence[custom_fields.Definition]
) -> dict[str, str]:
    """Write the company's own fields of a deal as its form shows them."""
    return {each.name: own.typed(each, held.custom.get(each.name)) for each in own_fields}


@post("/deals/{opportunity_id:uuid}/moves", status_code=200)
async def move(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Move a deal, or say what is to be done first."""
    names = ("verb", "from_stage", "to_stage", "reason", "remark", "id")
    given = {name: text for name, text in (await forms.texts(request, *names)).items() if text}
    try:
        asked = forms.taken(given, Move)
        await service.move(actor, opportunity_id, asked, now=clock.now())
    except Refusal as refusal:
        if isinstance(refusal, NotFound):
            raise
        note = Note(refused(request, refusal), "bad")
        return await _deal(
            request, actor, renderer, opportunity_id, status=status_of(refusal), note=note
        )
    if not htmx.is_fragment(request):
        return forms.go(f"/deals/{opportunity_id}", "deal_moved")
    note = Note(forms.words_of(request).say("saved.deal_moved"))
    return await _deal(request, actor, renderer, opportunity_id, note=note)


@post("/deals/{opportunity_id:uuid}/steps", status_code=200)
async def tick(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Mark a step as done, or as not done after all."""
    given = await forms.texts(request, "do", "undo")
    change = OpportunityEdit(
        do_steps=[step for step in [given_id(given["do"])] if step],
        undo_steps=[step for step in [given_id(given["undo"])] if step],
    )
    await service.edit(actor, opportunity_id, change, now=clock.now())
    if not htmx.is_fragment(request):
        return forms.go(f"/deals/{opportunity_id}")
    return await _deal(request, actor, renderer, opportunity_id)


@post("/deals/{opportunity_id:uuid}/openings", status_code=200)
async def open_template(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Show a template or case, and note that somebody looked."""
    template = given_id((await forms.texts(request, "template"))["template"])
    if template is None:
        raise NotFound
    new = NewOpening(template_id=template)
    await service.open_template(actor, opportunity_id, new, now=clock.now())
    return await _deal(request, actor, renderer, opportunity_id, shown_template=template)


@post("/deals/{opportunity_id:uuid}", status_code=200)
async def change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, opportunity_id: FromPath[UUID]
) -> Response[Any]:
    """Change what is different; what somebody else wrote in the meantime is merged."""
    held = await queries.one(actor, opportunity_id, now=clock.now())
    before = _given(held)
    # What a form does not send stays as it is.
    form = await request.form()
    sent = [name for name in (*_FORM, *_PEOPLE, "base") if name in form]
    given = {**before, **await forms.texts(request, *sent)}
    touched: dict[str, Any] = {
        name: given[name] or None
        for name in (*_FORM, *_PEOPLE)
        if given[name] != before[name] and name != "amount"
    }
    if "name" in touched:
        touched["name"] = given["name"]
    # Boxes that nobody ticked are not sent, so the form says whether it has them.
    own_fields = await customs.definitions(actor, "opportunity") if _OWN in form else []
    own_before, own_given = _own_given(held, own_fields), own.given(form, own_fields)
    try:
        touched["custom"] = own.taken(
            own_given,
            [each for each in own_fields if own_given[each.name] != own_before[each.name]],
        )
        if given["amount"] != before["amount"]:
            touched["amount_minor"] = forms.fen(given["amount"])
        if (base := forms.whole(given["base"])) is not None:
            touched["base"] = base
        edit = forms.taken(touched, OpportunityEdit)
        await service.edit(actor, opportunity_id, edit, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _deal(
            request, actor, renderer, opportunity_id, status=wrong.status, wrong=wrong
        )
    if not htmx.is_fragment(request):
        return forms.go(f"/deals/{opportunity_id}", "deal")
    note = Note(forms.words_of(request).say("saved.deal"))
    return await _deal(request, actor, renderer, opportunity_id, note=note)


_NEW: Final = ("name", "amount", "expected_on", "process_id")


@get("/customers/{customer_id:uuid}/deals/new")
async def new_deal(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show an empty form for a deal with a customer."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    given = dict.fromkeys(_NEW, "") | {"id": str(ids.new_id(clock.now()))}
    given |= {each.name: "" for each in await customs.definitions(actor, "opportunity")}
    return await _new(request, actor, renderer, customer_id, given, Problem())


@post("/customers/{customer_id:uuid}/deals/new", status_code=200)
async def begin(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Begin a deal; sending twice makes one."""
    given = await forms.texts(request, *_NEW, "id")
    own_fields = await customs.definitions(actor, "opportunity")
    own_given = own.given(await request.form(), own_fields)
    try:
        values: dict[str, Any] = {
            name: text for name, text in given.items() if text and name != "amount"
        }
        values["custom"] = own.taken(own_given, own_fields)
        values |= {"customer_id": str(customer_id), "name": given["name"]}
        values["amount_minor"] = forms.fen(given["amount"])
        new = forms.taken(values, NewOpportunity)
        saved = await service.create(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _new(request, actor, renderer, customer_id, given | own_given, wrong)
    return forms.go(f"/deals/{saved.id}", "deal_begun")


async def _new(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    customer_id: UUID,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new deal."""
    own_fields = await customs.definitions(actor, "opportunity")
    spoken = record.spoken(forms.words_of(request))
    return renderer.page(
        request,
        "deals/templates/new.html",
        **own.drawn(own_fields, given, spoken),
        status=wrong.status,
        customer=await customers.one(actor, customer_id),
        processes=[
            (str(held.id or ""), held.name) for held in await queries.current_processes(actor)
        ],
        given=given,
        wrong=wrong,
        **await frame(request, actor),
    )
