"""Partners over HTTP."""

from uuid import UUID

from litestar import Router, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.identity.schemas import InvitationView
from server.kit import clock
from server.partners import service
from server.partners.schemas import AgentView, NewAgent


@post("/", summary="Admit an agent")
async def admit(actor: CurrentActor, data: JSONBody[NewAgent]) -> AgentView:
    """Give an agent company its workspace, its first team and its owner."""
    return await service.admit(actor, data, now=clock.now())


@post("/{agent_id:uuid}/owner-invitation", summary="Invite an agent's owner")
async def invite_owner(actor: CurrentActor, agent_id: FromPath[UUID]) -> InvitationView:
    """Make the one-time code with which the owner sets login name and password, shown once."""
    return await service.invite_owner(actor, agent_id, now=clock.now())


router = Router("/platform/agents", route_handlers=[admit, invite_owner], tags=["platform"])
