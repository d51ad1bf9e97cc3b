"""The protection wall, one registration with its case, and what may be done with it."""

from typing import Any
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.formats import REGISTRATION_COLOURS
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.kit import clock
from server.kit.errors import Refusal
from server.registrations import queries, service
from server.registrations.schemas import Appeal, Decide, NewRegistration, Show
from sync_protocol.registering import State

_VIEWS = ("", "live", *(str(state) for state in (State.CONTESTED, State.REFUSED)))
"""What the tabs of the wall narrow it by."""


@get("/registrations")
async def wall(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show what is protected, how many days are left, and what is at risk."""
    view = request.query_params.get("view", "")
    narrowed = {"is_live": True} if view == "live" else {"state": view or None}
    filters = forms.taken(narrowed, queries.Filters)
    cursor, now = request.query_params.get("cursor"), clock.now()
    shown: dict[str, Any] = {
        "page": await queries.list_page(actor, filters, now=now, cursor=cursor),
        "wall": await queries.wall(actor, now=now),
        "view": view,
        "views": _VIEWS,
        "colours": REGISTRATION_COLOURS,
        "names": (await identity.directory(actor)).people,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "registrations/templates/rows.html", **shown)
    return renderer.page(
        request, "registrations/templates/wall.html", **shown, **await frame(request, actor)
    )


@post("/customers/{customer_id:uuid}/registrations", status_code=200)
async def register(
    request: AnyRequest, actor: CurrentActor, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Register a customer; the same form again registers it once."""
    given = await forms.texts(request, "id")
    registration_id = forms.given_id(given["id"])
    new = NewRegistration(customer_id=customer_id, id=registration_id)
    made = await service.register(actor, new, now=clock.now())
    return forms.go(f"/registrations/{made.id}", "registration_checking")


@get("/registrations/{registration_id:uuid}")
async def one_registration(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, registration_id: FromPath[UUID]
) -> Response[Any]:
    """Show one registration; an open page follows it."""
    return await _one(request, actor, renderer, registration_id, Problem())


async def _one(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, registration_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a registration: how it stands, what may be done, the case with its trace."""
    now = clock.now()
    found = await queries.one(actor, registration_id, now=now)
    case = None
    if found.case_id is not None:
        case = await queries.of_registration(actor, registration_id, now=now)
    return renderer.page(
        request,
        "registrations/templates/registration.html",
        status=wrong.status,
        found=found,
        case=case,
        waits=await queries.waits(actor, registration_id, now=now),
        showable=await queries.showable(actor, registration_id, now=now),
        colours=REGISTRATION_COLOURS,
        made=clock.from_ms,
        chinese=forms.words_of(request).language.startswith("zh"),
        names=(await identity.directory(actor)).people,
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/registrations/{registration_id:uuid}/decisions", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, registration_id: FromPath[UUID]
) -> Response[Any]:
    """Extend, release or contest; the same button of the same page does it once."""
    given = await forms.texts(request, "seen", "verb", "shown")
    asked_id = uuid5(registration_id, f"{actor.user_id} {given['seen']} {given['verb']}")
    values: dict[str, Any] = {"verb": given["verb"], "id": str(asked_id)}
    if given["shown"]:
        values["evidence"] = _shown(given["shown"])
    try:
        asked = forms.taken(values, Decide)
        view = await service.decide(actor, registration_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, registration_id, said(request, refusal))
    return forms.go(f"/registrations/{registration_id}", f"registration_{view.state}")


@post("/registrations/{registration_id:uuid}/evidence", status_code=200)
async def show_evidence(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, registration_id: FromPath[UUID]
) -> Response[Any]:
    """Bring a record of one's own to the case; the same again is brought once."""
    given = await forms.texts(request, "shown")
    shown_id = uuid5(registration_id, f"{actor.user_id} shows {given['shown']}")
    try:
        asked = forms.taken({"id": str(shown_id), "evidence": _shown(given["shown"])}, Show)
        await service.show(actor, registration_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, registration_id, said(request, refusal))
    return forms.go(f"/registrations/{registration_id}", "evidence_shown")


@post("/registrations/{registration_id:uuid}/waiver", status_code=200)
async def waive(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, registration_id: FromPath[UUID]
) -> Response[Any]:
    """Bring no more evidence to the case."""
    try:
        await service.waive(actor, registration_id, now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, registration_id, said(request, refusal))
    return forms.go(f"/registrations/{registration_id}", "evidence_waived")


def _shown(text: str) -> dict[str, str]:
    """Read what was chosen to be shown: a kind of record, and which."""
    kind, _, record_id = text.partition(":")
    return {"kind": kind, "record_id": record_id}


@post("/registrations/{registration_id:uuid}/appeal", status_code=200)
async def appeal(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, registration_id: FromPath[UUID]
) -> Response[Any]:
    """Have a verdict looked at once more."""
    given = await forms.texts(request, "reason")
    try:
        asked = forms.taken(given, Appeal)
        await service.appeal(actor, registration_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, registration_id, said(request, refusal))
    return forms.go(f"/registrations/{registration_id}", "registration_contested")
