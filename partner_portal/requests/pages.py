"""Requests for help: the list with how fast and often it helps, a form, and one with its way."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.formats import REQUEST_COLOURS, VERDICT_COLOURS
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.pipeline import queries as deals
from server.requests import queries, service
from server.requests.schemas import Decide, NewRequest, RequestEdit, RequestFilters
from sync_protocol.helping import State, Verb
from sync_protocol.schema import RESOURCES, VERDICTS

ICONS: Final[Mapping[str, str]] = {
    Verb.DISPATCH: "arrow-right",
    Verb.ACCEPT: "check",
    Verb.DECLINE: "circle-x",
    Verb.COMPLETE: "circle-check",
    Verb.JUDGE: "sparkles",
    Verb.CANCEL: "undo-2",
}
_ASKS: Final = (Verb.DISPATCH, Verb.DECLINE, Verb.COMPLETE, Verb.JUDGE)
"""What a dialog asks more about."""
_WAY: Final = (State.REQUESTED, State.DISPATCHED, State.ACCEPTED, State.DONE)
_VIEWS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"is_live": True},
    "mine": {},
    "for_me": {"is_live": True},
    "late": {"is_late": True},
    **{str(state): {"state": str(state)} for state in (State.DONE, State.DECLINED)},
    "all": {},
}
"""What the tabs of the list narrow it by."""
_FORM: Final = ("subject", "resource", "wished_on", "detail", "briefing")


@get("/requests")
async def request_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the requests within sight, and say how fast help comes and how often it helps."""
    view, text = request.query_params.get("view", ""), request.query_params.get("q", "")
    narrowed = {**_VIEWS.get(view, {}), "q": text.strip() or None}
    if view in {"mine", "for_me"}:
        narrowed["requested_by" if view == "mine" else "helper_id"] = str(actor.user_id)
    filters = forms.taken(narrowed, RequestFilters)
    cursor = request.query_params.get("cursor")
    figures = await queries.figures(actor)
    shown: dict[str, Any] = {
        "page": await queries.list_page(actor, filters, now=clock.now(), cursor=cursor),
        "all": figures[0],
        "by_resource": figures[1:],
        "view": view,
        "views": list(_VIEWS),
        "q": text,
        "colours": REQUEST_COLOURS,
        "names": (await identity.directory(actor)).people,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "requests/templates/rows.html", **shown)
    return renderer.page(
        request, "requests/templates/requests.html", **shown, **await frame(request, actor)
    )


@get("/customers/{customer_id:uuid}/requests/new")
async def new_request(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show an empty form for a customer, or for one of its deals."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    deal_id = forms.given_id(request.query_params.get("opportunity_id", ""))
    if deal_id is not None:
        await deals.one(actor, deal_id, now=clock.now())
    given = {
        **dict.fromkeys(_FORM, ""),
        "id": str(ids.new_id(clock.now())),
        "resource": "expert",
        "opportunity_id": str(deal_id or ""),
    }
    return await _new(request, actor, renderer, customer_id, given, Problem())


async def _new(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    customer_id: UUID,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new request."""
    of_customer = await deals.of_customer(actor, customer_id, now=clock.now())
    return renderer.page(
        request,
        "requests/templates/new.html",
        status=wrong.status,
        customer=await customers.one(actor, customer_id),
        deals=[(str(each.id), each.name) for each in of_customer],
        given=given,
        resources=RESOURCES,
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/customers/{customer_id:uuid}/requests/new", status_code=200)
async def call_up(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Call up help; sending twice does it once."""
    given = await forms.texts(request, "id", "opportunity_id", *_FORM)
    try:
        values = {name: text for name, text in given.items() if text}
        values |= {"customer_id": str(customer_id), "subject": given["subject"]}
        saved = await service.create(actor, forms.taken(values, NewRequest), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _new(request, actor, renderer, customer_id, given, wrong)
    return forms.go(f"/requests/{saved.id}", "request_requested")


@get("/requests/{request_id:uuid}")
async def one_request(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Show one request; an open page follows it."""
    return await _one(request, actor, renderer, request_id, Problem())


async def _one(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, request_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a request: where it stands, what may be done, what the platform sees of it."""
    found = await queries.detail(actor, request_id, now=clock.now())
    directory = await identity.directory(actor)
    may_write = Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role]
    shown: dict[str, Any] = {
        "found": found,
        "asked": found.request,
        "verbs": found.verbs,
        "asks": _ASKS,
        "way": _WAY,
        "icons": ICONS,
        "colours": REQUEST_COLOURS,
        "verdict_colours": VERDICT_COLOURS,
        "verdicts": VERDICTS,
        "resources": RESOURCES,
        "names": directory.people,
        "people": directory.offered(),
        "may_write": may_write,
        "wrong": wrong,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "requests/templates/standing.html", **shown)
    return renderer.page(
        request,
        "requests/templates/request.html",
        status=wrong.status,
        **shown,
        **await frame(request, actor),
    )


@post("/requests/{request_id:uuid}/decisions", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Do something with a request, as the page showed it; sending twice does it once."""
    given = await forms.texts(request, "seen", "verb", "text", "helper_id", "verdict", "briefing")
    # The same button of the same page is the same decision, however often it arrives.
    seen, briefing = given.pop("seen"), given.pop("briefing")
    values = {name: text for name, text in given.items() if text}
    values["id"] = str(uuid5(request_id, f"{actor.user_id} {seen} {given['verb']}"))
    now = clock.now()
    try:
        asked = forms.taken(values, Decide)
        if briefing and asked.verb is Verb.DISPATCH and asked.helper_id is None:
            told = forms.taken({"briefing": briefing}, RequestEdit)
            await service.edit(actor, request_id, told, now=now)
        decided = await service.decide(actor, request_id, asked, now=now)
    except Refusal as refusal:
        return await _one(request, actor, renderer, request_id, said(request, refusal))
    toast = "judged" if asked.verb is Verb.JUDGE else decided.state
    return forms.go(f"/requests/{request_id}", f"request_{toast}")


@post("/requests/{request_id:uuid}", status_code=200)
async def change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Save what is asked for; what a form does not send stays as it is."""
    form = {name: str(text).strip() for name, text in (await request.form()).items()}
    touched: dict[str, Any] = {name: form[name] or None for name in _FORM if name in form}
    if (base := forms.whole(form.get("base", ""))) is not None:
        touched["base"] = base
    try:
        edit = forms.taken(touched, RequestEdit)
        await service.edit(actor, request_id, edit, now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, request_id, said(request, refusal))
    return forms.go(f"/requests/{request_id}", "request")
