"""Partners over HTTP."""

from litestar import Router, post
from litestar.params import JSONBody

from server.access.edge import CurrentActor
from server.kit import clock
from server.partners import service
from server.partners.schemas import AgentView, NewAgent


@post("/", summary="Admit an agent")
async def admit(actor: CurrentActor, data: JSONBody[NewAgent]) -> AgentView:
    """Give an agent company its workspace, its first team and its owner."""
    return await service.admit(actor, data, now=clock.now())


router = Router("/platform/agents", route_handlers=[admit], tags=["platform"])
