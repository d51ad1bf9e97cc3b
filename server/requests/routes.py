"""Requests for help, over HTTP: the company's side and the platform's. One call each."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.customers.reveals import beneath as reveals
from server.customers.schemas import Saved
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit, Words
from server.requests import queries, service
from server.requests.schemas import (
    Answer,
    Decide,
    Figures,
    NewRequest,
    PlatformRequestView,
    RequestDetail,
    RequestEdit,
    RequestFilters,
    RequestView,
    Resource,
)
from sync_protocol.helping import Party, State


@get("/", summary="List requests for help")
async def list_requests(  # noqa: PLR0913, PLR0917 - a list is narrowed in as many ways
    actor: CurrentActor,
    standing: Annotated[State | None, QueryParameter(name="state")] = None,
    is_live: FromQuery[bool | None] = None,
    is_late: FromQuery[bool | None] = None,
    resource: FromQuery[Resource | None] = None,
    party: FromQuery[Party | None] = None,
    requested_by: FromQuery[UUID | None] = None,
    helper_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    opportunity_id: FromQuery[UUID | None] = None,
    q: Words = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[RequestView]:
    """List the requests within sight, the newest first."""
    filters = RequestFilters(
        state=standing,
        is_live=bool(is_live),
        is_late=bool(is_late),
        resource=resource,
        party=party,
        requested_by=requested_by,
        helper_id=helper_id,
        customer_id=customer_id,
        opportunity_id=opportunity_id,
        q=q,
    )
    return await queries.list_page(actor, filters, now=clock.now(), cursor=cursor, limit=limit)


@get("/figures", summary="Say how requests went")
async def figures(actor: CurrentActor) -> list[Figures]:
    """Give cycle times and how often it helped, of all first, then by resource."""
    return await queries.figures(actor)


@post("/", summary="Call up help")
async def create(actor: CurrentActor, data: JSONBody[NewRequest]) -> Saved:
    """Ask for help for a customer or one of its deals."""
    return await service.create(actor, data, now=clock.now())


@get("/{request_id:uuid}", summary="Show a request for help")
async def show(actor: CurrentActor, request_id: FromPath[UUID]) -> RequestDetail:
    """Give a request with what was done, and all that the platform was told of it."""
    return await queries.detail(actor, request_id, now=clock.now())


@patch("/{request_id:uuid}", summary="Change a request for help")
async def edit(
    actor: CurrentActor, request_id: FromPath[UUID], data: JSONBody[RequestEdit]
) -> Saved:
    """Change what is asked for; what was sent to the platform stays as it was sent."""
    return await service.edit(actor, request_id, data, now=clock.now())


@post("/{request_id:uuid}/decisions", status_code=200, summary="Decide about a request for help")
async def decide(
    actor: CurrentActor, request_id: FromPath[UUID], data: JSONBody[Decide]
) -> RequestView:
    """Dispatch, accept, decline, complete, judge or cancel a request."""
    return await service.decide(actor, request_id, data, now=clock.now())


@get("/", summary="List what was sent to the platform")
async def queue(
    actor: CurrentActor,
    is_over: FromQuery[bool | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[PlatformRequestView]:
    """List what waits for the platform, the oldest first, or what is over, the last first."""
    return await queries.queue(
        actor, is_over=bool(is_over), cursor=cursor, limit=limit, now=clock.now()
    )


@get("/figures", summary="Say how what was sent to the platform went")
async def platform_figures(actor: CurrentActor) -> list[Figures]:
    """Give cycle times and how often the platform's help helped."""
    return await queries.platform_figures(actor)


@post("/{dispatch_id:uuid}/answers", status_code=200, summary="Answer a request as the platform")
async def answer(
    actor: CurrentActor, dispatch_id: FromPath[UUID], data: JSONBody[Answer]
) -> PlatformRequestView:
    """Accept, decline or complete what was sent to the platform."""
    return await service.answer(actor, dispatch_id, data, now=clock.now())


reveals.register("resource_request", queries.holders)

router = Router(
    "/",
    route_handlers=[
        Router(
            "/resource-requests",
            route_handlers=[list_requests, figures, create, show, edit, decide],
            tags=["requests"],
        ),
        Router(
            "/platform/requests",
            route_handlers=[queue, platform_figures, answer],
            tags=["platform"],
        ),
    ],
)
