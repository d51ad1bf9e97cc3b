"""Tenants over HTTP: one's company, and its teams."""

from uuid import UUID

from litestar import Router, get, patch, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.kit import clock
from server.tenants import queries, service
from server.tenants.schemas import CompanyChange, NewTeam, TeamChange, TeamView, TenantView


@get("/", summary="Show one's company")
async def company(actor: CurrentActor) -> TenantView:
    """Give one's company, and how long its devices may work alone."""
    return await queries.company(actor)


@patch("/", summary="Change one's company")
async def change_company(actor: CurrentActor, data: JSONBody[CompanyChange]) -> TenantView:
    """Change how long devices may work after their last contact."""
    return await service.change_company(actor, data, now=clock.now())


@get("/", summary="List teams")
async def teams(actor: CurrentActor) -> list[TeamView]:
    """List the company's teams by name."""
    return await queries.teams(actor)


@post("/", summary="Add a team")
async def create_team(actor: CurrentActor, data: JSONBody[NewTeam]) -> TeamView:
    """Add a team to one's company."""
    return await service.create_team(actor, data, now=clock.now())


@patch("/{team_id:uuid}", summary="Rename a team")
async def rename_team(
    actor: CurrentActor, team_id: FromPath[UUID], data: JSONBody[TeamChange]
) -> TeamView:
    """Give a team another name."""
    return await service.rename_team(actor, team_id, data, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        Router("/company", route_handlers=[company, change_company]),
        Router("/teams", route_handlers=[teams, create_team, rename_team]),
    ],
    tags=["company"],
)
