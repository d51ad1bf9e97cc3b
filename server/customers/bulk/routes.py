"""Bulk changes over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.customers.bulk import queries, service
from server.customers.bulk.schemas import BulkView, NewBulkEdit, NewHandOver
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit


@post("/", summary="Change many customers")
async def edit(actor: CurrentActor, data: JSONBody[NewBulkEdit]) -> BulkView:
    """Change up to 5,000 customers; one that cannot take the change is told and left alone."""
    return await service.edit(actor, data, now=clock.now())


@post("/hand-overs", summary="Hand customers over")
async def hand_over(actor: CurrentActor, data: JSONBody[NewHandOver]) -> BulkView:
    """Give a person's customers and the work in progress to colleagues; nothing is reset."""
    return await service.hand_over(actor, data, now=clock.now())


@get("/", summary="List bulk changes")
async def bulk_changes(
    actor: CurrentActor, cursor: PageCursor = None, limit: PageLimit = PAGE_SIZE
) -> Page[BulkView]:
    """List one's own bulk changes, or those of the company for its owner; the newest first."""
    return await queries.page(actor, cursor=cursor, limit=limit)


@get("/{bulk_id:uuid}", summary="Show a bulk change")
async def show(actor: CurrentActor, bulk_id: FromPath[UUID]) -> BulkView:
    """Tell what was asked, what became of it, and whether it was undone."""
    return await queries.one(actor, bulk_id)


@post("/{bulk_id:uuid}/undo", status_code=200, summary="Undo a bulk change")
async def undo(actor: CurrentActor, bulk_id: FromPath[UUID]) -> BulkView:
    """Bring back what stood before, within 30 days; what was written since stays as it is."""
    return await service.undo(actor, bulk_id, now=clock.now())


bulk_router = Router(
    "/bulk-changes", route_handlers=[edit, hand_over, bulk_changes, show, undo], tags=["customers"]
)
