"""Relationships, over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath

from server.access.edge import CurrentActor
from server.kit import clock
from server.relationships import queries, service
from server.relationships.schemas import MapView, Ordered


@get("/", summary="Show a customer's relationship map")
async def show(actor: CurrentActor, customer_id: FromPath[UUID]) -> MapView:
    """Give its people with role, stance and depth, and what the deals' stage lacks."""
    return await queries.of_customer(actor, customer_id, now=clock.now())


@post("/tasks", status_code=200, summary="Order what a relationship lacks")
async def order(actor: CurrentActor, customer_id: FromPath[UUID]) -> Ordered:
    """Make a task of each gap that has none this month."""
    return await service.order(actor, customer_id, now=clock.now())


router = Router(
    "/customers/{customer_id:uuid}/relationship",
    route_handlers=[show, order],
    tags=["relationships"],
)
