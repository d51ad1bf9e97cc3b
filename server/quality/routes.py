"""Data quality, over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get
from litestar.params import FromPath, FromQuery

from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit
from server.quality import queries
from server.quality.rules import Check
from server.quality.schemas import Average, QualityFilters, QualityLine, QualityView


@get("/customers/{customer_id:uuid}/quality", summary="Say how good a customer's record is")
async def show(actor: CurrentActor, customer_id: FromPath[UUID]) -> QualityView:
    """Give the score as of now, and what mending each point is worth."""
    return await queries.of_customer(actor, customer_id, now=clock.now())


@get("/quality", summary="List the poorest records")
async def list_lines(
    actor: CurrentActor,
    owner_id: FromQuery[UUID | None] = None,
    check: FromQuery[Check | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[QualityLine]:
    """List records within sight, the poorest first, as they were looked through last night."""
    filters = QualityFilters(owner_id=owner_id, check=check)
    return await queries.list_page(actor, filters, cursor=cursor, limit=limit)


@get("/quality/averages", summary="Average the quality of records")
async def averages(actor: CurrentActor) -> list[Average]:
    """Give the averages of all, of each team and of each person, the poorest first."""
    return await queries.averages(actor)


router = Router("/", route_handlers=[show, list_lines, averages], tags=["quality"])
