"""Saved views over HTTP. Each handler makes one call."""

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.kit import clock
from server.views import queries, service
from server.views.schemas import ListName, NewView, ViewEdit, ViewView


@get("/", summary="List saved views")
async def views(
    actor: CurrentActor,
    list_name: Annotated[ListName | None, QueryParameter(name="list")] = None,
) -> list[ViewView]:
    """List one's own views, those of one's team and those of the company; all, or of one list."""
    return await queries.views(actor, list_name)


@get("/{view_id:uuid}", summary="Show a saved view")
async def view(actor: CurrentActor, view_id: FromPath[UUID]) -> ViewView:
    """Give one view; what it shows is asked for with its look as the list's parameters."""
    return await queries.one(actor, view_id)


@post("/", summary="Save a view")
async def save(actor: CurrentActor, data: JSONBody[NewView]) -> ViewView:
    """Save filter, order and columns under a name, for oneself, one's team or the company."""
    return await service.save(actor, data, now=clock.now())


@patch("/{view_id:uuid}", summary="Change a saved view")
async def change(
    actor: CurrentActor, view_id: FromPath[UUID], data: JSONBody[ViewEdit]
) -> ViewView:
    """Change what was touched of one's own view; an owner changes any that is shared."""
    return await service.change(actor, view_id, data, now=clock.now())


@delete("/{view_id:uuid}", summary="Remove a saved view")
async def remove(actor: CurrentActor, view_id: FromPath[UUID]) -> None:
    """Remove a view; nothing that it shows is touched."""
    await service.remove(actor, view_id, now=clock.now())


router = Router("/saved-views", route_handlers=[views, view, save, change, remove], tags=["views"])
