"""The channel over HTTP: the platform's side, and what an agent sees of the platform's looks."""

from uuid import UUID

from litestar import Router, get
from litestar.params import FromPath

from server.access.edge import CurrentActor
from server.audit import queries as audit
from server.audit.schemas import PlatformReadView
from server.channel import queries
from server.channel.schemas import AgentRow, Overview, Released
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor


@get("/overview", summary="Show the channel")
async def overview(actor: CurrentActor) -> Overview:
    """Show funnel, cities, industries and agents; counts of fewer than ten persons are hidden."""
    return await queries.overview(actor, now=clock.now())


@get("/agents", summary="List agents")
async def agents(actor: CurrentActor) -> list[AgentRow]:
    """List the agents with their funnels and how their devices are."""
    return await queries.agents(actor, now=clock.now())


@get("/agents/{agent_id:uuid}", summary="Show an agent")
async def agent(actor: CurrentActor, agent_id: FromPath[UUID]) -> AgentRow:
    """Show one agent with its funnel and how its devices are."""
    return await queries.agent(actor, agent_id, now=clock.now())


@get("/platform-reads", summary="List what the platform looked at")
async def platform_reads(actor: CurrentActor, cursor: PageCursor = None) -> Page[PlatformReadView]:
    """List the platform's looks at one's own company, the newest first."""
    return await audit.platform_reads(actor, cursor=cursor)


@get("/partnership/glass", summary="List what the platform may see")
async def glass(actor: CurrentActor) -> list[Released]:
    """List each field that a look of the platform's may show of one's company, and which do."""
    return await queries.released(actor)


router = Router(
    "/",
    route_handlers=[
        Router("/platform", route_handlers=[overview, agents, agent], tags=["platform"]),
        platform_reads,
        glass,
    ],
)
