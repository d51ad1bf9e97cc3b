"""List the agent's benefits, and request one for a customer."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post

from partner_portal import failures, htmx
from partner_portal.benefits.units import units_of
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import catalogue
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.benefits import queries, service
from server.benefits.schemas import BenefitFilters, RequestBenefit
from server.customers import queries as customers
from server.customers.schemas import Filters
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Conflict, NotFound
from server.problems import status_of

STATES: Final = ("issued", "in_review", "redeemed", "refused", "voided", "expired")
_FOUND_MAX: Final = 8
_QUERY_MAX: Final = 100


@get("/benefits")
async def benefit_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List what was requested for the customers within sight, the last first."""
    state = request.query_params.get("state", "")
    chosen = {"state": state} if state in STATES else {}
    cursor = request.query_params.get("cursor") or None
    page = await queries.benefits(actor, msgspec.convert(chosen, BenefitFilters), cursor=cursor)
    directory = await identity.directory(actor)
    shown: dict[str, Any] = {
        "page": page,
        "state": state if chosen else "",
        "states": STATES,
        "people": directory.people,
    }
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "benefits/templates/rows.html", **shown)
    offers = await queries.offers(actor, now=clock.now())
    return renderer.page(
        request,
        "benefits/templates/list.html",
        offers=offers,
        units=await units_of(actor),
        devices=directory.devices,
        may_batch=Permission.BENEFITS_BATCH in ROLE_PERMISSIONS[actor.role],
        **shown,
        **await frame(request, actor),
    )


@get("/benefits/new")
async def new_request(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show what may be requested, for a customer that is chosen first."""
    ensure(actor, Permission.BENEFITS_REQUEST)
    customer_id = _id(request.query_params.get("customer_id"))
    return await _form(request, actor, renderer, customer_id, str(ids.new_id(clock.now())))


@post("/benefits/new", status_code=200)
async def send_request(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Request a benefit; sending twice makes one. A refusal is told on the same page."""
    form = await request.form()
    given = {name: _id(form.get(name)) for name in ("id", "customer_id", "program_id")}
    if None in given.values():
        raise NotFound
    asked = msgspec.convert(given, RequestBenefit)
    try:
        await service.request(actor, asked, now=clock.now())
    except Conflict as refusal:
        said = failures.sentence(catalogue(language_of(request)), refusal)
        again = str(ids.new_id(clock.now()))
        return await _form(
            request, actor, renderer, asked.customer_id, again, said, status=status_of(refusal)
        )
    address = f"/customers/{asked.customer_id}"
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})


def _id(text: object) -> UUID | None:
    """Read an id; nonsense is none."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    customer_id: UUID | None,
    request_id: str,
    error: str = "",
    *,
    status: int = 200,
) -> Response[Any]:
    """Draw the form; without a customer, a search for one."""
    q = request.query_params.get("q", "").strip()[:_QUERY_MAX]
    customer = await customers.one(actor, customer_id) if customer_id else None
    found = []
    if customer is None:
        page = await customers.list_page(actor, Filters(q=q or None), limit=_FOUND_MAX)
        found = page.items
    return renderer.page(
        request,
        "benefits/templates/request.html",
        status=status,
        customer=customer,
        found=found,
        q=q,
        offers=await queries.offers(actor, now=clock.now()),
        request_id=request_id,
        error=error,
        **await frame(request, actor),
    )
