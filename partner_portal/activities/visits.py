"""Visits: list them, look at one and at what is odd about it, plan one, come and go, appeal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms, htmx
from partner_portal.activities.moments import moment_of
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.activities import exports, queries, service
from server.activities.schemas import (
    Decision,
    NewAppeal,
    NewVisit,
    VisitEdit,
    VisitFilters,
    VisitState,
    VisitView,
)
from server.identity import queries as identity
from server.kit import clock, ids, sheets
from server.kit.errors import NotFound, Refusal
from server.kit.sheets import CSV

LOOKS: Final = ("", "mine", "doubted", "appealed")
_POSITION: Final = ("lat", "lng", "accuracy_m", "fix_age_s")
_LIST: Final = "activities/templates/visits.html"


@get("/visits")
async def visits(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the visits to customers within sight, the last written down first."""
    look = _look(request)
    filters = _filters(actor, look)
    cursor = request.query_params.get("cursor") or None
    shown: dict[str, Any] = {
        "page": await queries.visits(actor, filters, cursor=cursor),
        "look": look,
        "looks": LOOKS,
        "people": (await identity.directory(actor)).people,
        "may_export": Permission.CUSTOMERS_EXPORT in ROLE_PERMISSIONS[actor.role],
    }
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "activities/templates/visit_rows.html", **shown)
    return renderer.page(request, _LIST, **shown, **await frame(request, actor))


def _look(request: AnyRequest) -> str:
    """Read which tab is asked for; one that is none is the first."""
    look = request.query_params.get("look", "")
    return look if look in LOOKS else ""


def _filters(actor: Actor, look: str) -> VisitFilters:
    """Say which visits a look shows."""
    return VisitFilters(
        visitor_id=actor.user_id if look == "mine" else None,
        is_doubted=look == "doubted",
        is_appealed=look == "appealed",
    )


@get("/visits/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the visits that the list shows, as a file that spreadsheet programs open."""
    filters = _filters(actor, _look(request))
    return sheets.answer(await exports.visits(actor, filters, now=clock.now()), "visits.csv")


@get("/visits/{visit_id:uuid}")
async def visit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, visit_id: FromPath[UUID]
) -> Response[Any]:
    """Show one visit: what was told, what was found out, and who has the last word."""
    held = await queries.visit(actor, visit_id)
    return await _page(request, actor, renderer, held, Problem(), {})


@post("/visits/{visit_id:uuid}/appeal", status_code=200)
async def appeal(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, visit_id: FromPath[UUID]
) -> Response[Any]:
    """Speak against the score of one's own visit."""
    given = await forms.texts(request, "appeal")
    try:
        said = forms.taken(given, NewAppeal)
        await service.appeal(actor, visit_id, said, now=clock.now())
    except Refusal as refusal:
        return await _refused(request, actor, renderer, visit_id, refusal)
    return forms.go(f"/visits/{visit_id}", "appeal")


@post("/visits/{visit_id:uuid}/decision", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, visit_id: FromPath[UUID]
) -> Response[Any]:
    """Decide an appeal."""
    given = await forms.texts(request, "decision")
    try:
        said = forms.taken(given, Decision)
        await service.decide_appeal(actor, visit_id, said, now=clock.now())
    except Refusal as refusal:
        return await _refused(request, actor, renderer, visit_id, refusal)
    return forms.go(f"/visits/{visit_id}", "decision")


@post("/customers/{customer_id:uuid}/visits", status_code=200)
async def plan(
    request: AnyRequest, actor: CurrentActor, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Plan a visit from the customer's page."""
    given = await forms.texts(request, "id", "planned_at", "purpose", "contact_id")
    new = forms.taken(
        {
            "id": given["id"] or None,
            "planned_at": moment_of(given["planned_at"], "planned_at"),
            "purpose": given["purpose"] or None,
            "contact_id": given["contact_id"] or None,
        },
        NewVisit,
    )
    await service.add_visit(actor, customer_id, new, now=clock.now())
    return forms.go(f"/customers/{customer_id}", "visit_planned")


@post("/customers/{customer_id:uuid}/check-in", status_code=200)
async def come_unplanned(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Check in at a customer where nothing was planned; the same form makes one visit."""
    now = clock.now()
    visit_id = forms.given_id((await forms.texts(request, "id"))["id"]) or ids.new_id(now)
    told = await _told(request, now)
    try:
        await _come(actor, visit_id, told, now)
    except NotFound:
        new = forms.taken({"id": str(visit_id), **told}, NewVisit)
        await service.add_visit(actor, customer_id, new, now=now)
    except Refusal as refusal:
        return await _refused(request, actor, renderer, visit_id, refusal)
    return forms.go(f"/visits/{visit_id}", "checked_in")


@post("/visits/{visit_id:uuid}/check-in", status_code=200)
async def come(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, visit_id: FromPath[UUID]
) -> Response[Any]:
    """Check in to a planned visit; who is there already is."""
    now = clock.now()
    try:
        await _come(actor, visit_id, await _told(request, now), now)
    except Refusal as refusal:
        return await _refused(request, actor, renderer, visit_id, refusal)
    return forms.go(f"/visits/{visit_id}", "checked_in")


async def _come(actor: Actor, visit_id: UUID, told: Mapping[str, Any], now: datetime) -> None:
    """Check in to a visit, unless the visitor is there already.

    :raises NotFound: there is no such visit.
    :raises VisitTold: it is over; and what else a visit that is not planned says.
    """
    held = await queries.visit(actor, visit_id)
    if held.state is not VisitState.OPEN or held.visitor_id != actor.user_id:
        await service.change_visit(actor, visit_id, forms.taken(told, VisitEdit), now=now)


async def _told(request: AnyRequest, now: datetime) -> dict[str, Any]:
    """Read a check-in: that it is now, and where, if the browser says that."""
    given = await forms.texts(request, *_POSITION)
    try:
        where = {name: int(text) for name, text in given.items() if text}
    except ValueError:
        # Whatever this is, it is no position.
        where = {}
    return {"checked_in_at": now, **where}


@post("/visits/{visit_id:uuid}/check-out", status_code=200)
async def leave(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, visit_id: FromPath[UUID]
) -> Response[Any]:
    """Check out, with what the visit came to; who has left already says what it came to alone."""
    now = clock.now()
    given = await forms.texts(request, "summary", "next_step")
    try:
        if (await queries.visit(actor, visit_id)).state is VisitState.DONE:
            told = forms.filled(given)
        else:
            told = {"checked_out_at": now, **{name: text or None for name, text in given.items()}}
        if told:
            await service.change_visit(actor, visit_id, forms.taken(told, VisitEdit), now=now)
    except Refusal as refusal:
        return await _refused(request, actor, renderer, visit_id, refusal, given)
    return forms.go(f"/visits/{visit_id}", "checked_out")


async def _refused(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    visit_id: UUID,
    refusal: Refusal,
    given: Mapping[str, str] | None = None,
) -> Response[Any]:
    """Show the visit again, with why something was not done and what was typed."""
    wrong = forms.said(request, refusal)
    held = await queries.visit(actor, visit_id)
    return await _page(request, actor, renderer, held, wrong, given or {})


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: VisitView,
    wrong: Problem,
    given: Mapping[str, str],
) -> Response[Any]:
    """Draw the page of a visit."""
    is_own = held.visitor_id == actor.user_id
    may_judge = Permission.VISITS_JUDGE in ROLE_PERMISSIONS[actor.role]
    return renderer.page(
        request,
        "activities/templates/visit.html",
        status=wrong.status,
        visit=held,
        is_own=is_own,
        given=given,
        state=str(held.state),
        reasons=msgspec.to_builtins(held.trust_reasons),
        may_appeal=is_own and held.trust_score is not None and held.appeal_state is None,
        may_decide=may_judge and not is_own and held.appeal_state == "open",
        wrong=wrong,
        people=(await identity.directory(actor)).people,
        **await frame(request, actor),
    )
