"""What others wait for the platform for: each wait, its age, whom it holds up; and the sums."""

from itertools import groupby
from typing import Any

from litestar import Response, get

from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.kit import clock
from server.partners import queries as partners
from server.registrations import queries
from server.registrations.schemas import WAITS


@get("/console/waits")
async def waits(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List what waits now, the longest first, and how long each agent has waited in all."""
    now = clock.now()
    sums = await queries.waits_by_agent(actor, now=now)
    by_agent = groupby(sorted(sums, key=lambda each: each.agent_id), lambda each: each.agent_id)
    agents = [(agent_id, {each.reason: each for each in held}) for agent_id, held in by_agent]
    return renderer.page(
        request,
        "console/templates/waits.html",
        waiting=await queries.waiting(actor, now=now),
        agents=sorted(agents, key=lambda each: -sum(one.minutes for one in each[1].values())),
        reasons=WAITS,
        names={agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        **await frame(request, actor),
    )
