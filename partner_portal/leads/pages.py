"""The queue of leads: what speaks against them, who gets them and why; and one's own leads."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.leads.look import ALL, STATES, LeadLook
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal
from server.kit.sheets import CSV, attached
from server.leads import queries, service
from server.leads.exports import service as exports
from server.leads.schemas import Decision, LeadEdit, LeadView, NewLead, Return
from server.views import queries as views

_FORM: Final = (
    *("name", "contact_name", "phone", "city", "district", "industry", "need", "source_id"),
)
_DECISIONS: Final = {"keep": service.keep, "discard": service.discard, "restore": service.restore}


@get("/leads/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the leads that the list shows, as a file that an import takes back."""
    filters = LeadLook.read(request.query_params).filters
    blocks = await exports.as_csv(actor, filters, now=clock.now())
    return Stream(blocks, media_type=CSV, headers=attached("leads.csv"))


@get("/leads")
async def lead_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the company's leads by where they stand; those that are suspect first."""
    board = await queries.board(actor)
    look = LeadLook.read(request.query_params)
    if not look.state:
        first = next((one for one in STATES if board.states[one]), STATES[0])
        state = ALL if look.narrowed else first
        look = msgspec.structs.replace(look, state=state)
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "leads/templates/list.html",
        page=await queries.list_page(actor, look.filters, cursor=cursor),
        look=look,
        views=await views.views(actor, look.LIST),
        states=STATES,
        board=board,
        **await _names(actor),
        **await frame(request, actor),
    )


async def _names(actor: Actor) -> dict[str, Any]:
    """Give the names of people and sources."""
    sources = await queries.sources(actor)
    directory = await identity.directory(actor)
    return {
        "people": directory.people,
        "offered": directory.offered(),
        "named": {str(person_id): name for person_id, name in directory.people.items()},
        "sources": {one.id: " / ".join(one.path) for one in sources},
    }


@get("/leads/new")
async def new_lead(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form."""
    ensure(actor, Permission.LEADS_MANAGE)
    given = dict.fromkeys(_FORM, "") | {"id": str(ids.new_id(clock.now()))}
    return await _form(request, actor, renderer, given, Problem())


@post("/leads/new", status_code=200)
async def add_lead(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Take a lead in that somebody typed; sending twice makes one."""
    given = await forms.texts(request, *_FORM, "id")
    try:
        new = forms.taken({name: text for name, text in given.items() if text}, NewLead)
        saved = await service.receive_typed(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, given, wrong)
    return forms.go(f"/leads/{saved.ids[0]}", "lead")


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new lead."""
    return renderer.page(
        request,
        "leads/templates/form.html",
        status=wrong.status,
        given=given,
        wrong=wrong,
        **await _names(actor),
        **await frame(request, actor),
    )


@get("/leads/mine")
async def my_leads(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the leads that were routed to the person: those that wait for an answer first."""
    found = await queries.mine(actor)
    return renderer.page(
        request,
        "leads/templates/mine.html",
        waiting=[one for one in found if one.state == "offered"],
        taken=[one for one in found if one.state != "offered"],
        **await _names(actor),
        **await frame(request, actor),
    )


@get("/leads/{lead_id:uuid}")
async def lead(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, lead_id: FromPath[UUID]
) -> Response[Any]:
    """Show a lead with its history, and why it went where it went."""
    detail = await queries.detail(actor, lead_id)
    given = {name: str(getattr(detail.lead, name) or "") for name in _FORM}
    # The phone is shown in part: it is typed anew to be changed.
    return await _detail(request, actor, renderer, lead_id, given | {"phone": ""}, Problem())


async def _detail(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    lead_id: UUID,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw a lead, with the form by which it is completed."""
    detail = await queries.detail(actor, lead_id)
    may_manage = Permission.LEADS_MANAGE in ROLE_PERMISSIONS[actor.role]
    return renderer.page(
        request,
        "leads/templates/detail.html",
        status=wrong.status,
        detail=detail,
        lead=detail.lead,
        given=given,
        wrong=wrong,
        may_manage=may_manage,
        is_mine=detail.lead.assignee_id == actor.user_id,
        may_edit=may_manage and detail.lead.state in {"suspect", "ready"},
        **await _names(actor),
        **await frame(request, actor),
    )


@post("/leads/{lead_id:uuid}", status_code=200)
async def change_lead(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, lead_id: FromPath[UUID]
) -> Response[Any]:
    """Complete a lead; it is judged anew."""
    given = await forms.texts(request, *_FORM)
    held = (await queries.detail(actor, lead_id)).lead
    touched: dict[str, str | None] = {
        name: given[name] for name in _FORM if _differs(held, name, given[name])
    }
    if "source_id" in touched:
        touched["source_id"] = touched["source_id"] or None
    try:
        change = forms.taken(touched, LeadEdit)
        await service.edit(actor, lead_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _detail(request, actor, renderer, lead_id, given, wrong)
    return forms.go(f"/leads/{lead_id}", "lead")


def _differs(held: LeadView, name: str, text: str) -> bool:
    """Say whether a field was changed; a phone that was left empty was not."""
    if name == "phone":
        return bool(text)
    return text != str(getattr(held, name) or "")


@post("/leads/{lead_id:uuid}/decision", status_code=303)
async def decide(
    request: AnyRequest, actor: CurrentActor, lead_id: FromPath[UUID]
) -> Response[Any]:
    """Keep, discard or restore a lead."""
    given = await forms.texts(request, "decision", "reason", "back")
    decided = _DECISIONS.get(given["decision"])
    if decided is None:
        raise Invalid("Keep, discard or restore the lead.", field="decision")
    decision = forms.taken({"lead_ids": [str(lead_id)], "reason": given["reason"]}, Decision)
    await decided(actor, decision, now=clock.now())
    back = "/leads" if given["back"] == "queue" else f"/leads/{lead_id}"
    return forms.go(back, f"lead_{given['decision']}")


@post("/leads/{lead_id:uuid}/routing", status_code=303)
async def route(request: AnyRequest, actor: CurrentActor, lead_id: FromPath[UUID]) -> Response[Any]:
    """Give a lead to somebody, or let the rules find a person."""
    person_id = forms.given_id((await forms.texts(request, "person_id"))["person_id"])
    routed = await service.route(actor, lead_id, person_id=person_id, now=clock.now())
    said = "lead_routed" if routed.person_id else "lead_waits"
    return forms.go(f"/leads/{lead_id}", said)


@post("/leads/{lead_id:uuid}/acceptance", status_code=303)
async def accept(actor: CurrentActor, lead_id: FromPath[UUID]) -> Response[Any]:
    """Take on a lead."""
    await service.accept(actor, lead_id, now=clock.now())
    return forms.go("/leads/mine", "lead_accepted")


@post("/leads/{lead_id:uuid}/return", status_code=303)
async def give_back(
    request: AnyRequest, actor: CurrentActor, lead_id: FromPath[UUID]
) -> Response[Any]:
    """Give a lead back, with the reason."""
    given = forms.taken(await forms.texts(request, "reason", "note"), Return)
    await service.give_back(actor, lead_id, given, now=clock.now())
    return forms.go("/leads/mine", "lead_returned")
