"""Partners over HTTP."""

from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.identity.schemas import InvitationView
from server.kit import clock
from server.partners import queries, service
from server.partners.schemas import AgentView, NewAgent, NewTerritory, TerritoryView


@post("/", summary="Admit an agent")
async def admit(actor: CurrentActor, data: JSONBody[NewAgent]) -> AgentView:
    """Give an agent company its workspace, its first team and its owner."""
    return await service.admit(actor, data, now=clock.now())


@post("/{agent_id:uuid}/owner-invitation", summary="Invite an agent's owner")
async def invite_owner(actor: CurrentActor, agent_id: FromPath[UUID]) -> InvitationView:
    """Make the one-time code with which the owner sets login name and password, shown once."""
    return await service.invite_owner(actor, agent_id, now=clock.now())


@get("/territories", summary="List territories")
async def list_territories(actor: CurrentActor) -> list[TerritoryView]:
    """List where agents may work, and since when."""
    return await queries.territories(actor)


@post("/territories", summary="Give an agent a territory")
async def grant_territory(actor: CurrentActor, data: JSONBody[NewTerritory]) -> TerritoryView:
    """Let an agent work in a place, alone or beside others."""
    return await service.grant_territory(actor, data, now=clock.now())


router = Router(
    "/platform/agents",
    route_handlers=[admit, invite_owner, list_territories, grant_territory],
    tags=["platform"],
)
