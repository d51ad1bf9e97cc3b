"""Exits over HTTP: the plan from both sides, what the platform chooses, whom the owner hands."""

from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from server.access.edge import CurrentActor
from server.exits import queries, service
from server.exits.rules import Fate, Kind
from server.exits.schemas import Choice, NewConsents, Plan, Seen, Wanted, Word
from server.kit import clock
from server.kit.pages import PAGE_SIZE_MAX, Page
from server.kit.parameters import PageCursor, PageLimit, Words


@get("/{agent_id:uuid}/exit/plan", summary="Show the plan of an exit")
async def plan(
    actor: CurrentActor,
    agent_id: FromPath[UUID],
    kind: FromQuery[Kind | None] = None,
    fate: FromQuery[Fate | None] = None,
    is_chosen: FromQuery[bool | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE_MAX,
) -> Plan:
    """Show what becomes of all that is a leaver's, which the leaver hears of."""
    wanted = Wanted(kind=kind, fate=fate, is_chosen=bool(is_chosen))
    return await queries.plan(actor, agent_id, wanted, cursor=cursor, limit=limit, now=clock.now())


@post("/{agent_id:uuid}/exit/plan", summary="Draw the plan of an exit up")
async def draw_up(actor: CurrentActor, agent_id: FromPath[UUID]) -> Plan:
    """Have the leaver's things listed anew by the worker."""
    return await service.draw_up(actor, agent_id, now=clock.now())


@post("/{agent_id:uuid}/exit/choices", summary="Choose what becomes of some things")
async def choose(actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[Choice]) -> Plan:
    """Let something else become of some things than the rule says."""
    return await service.choose(actor, agent_id, data, now=clock.now())


@post("/{agent_id:uuid}/exit/execution", summary="Carry the plan of an exit out")
async def carry_out(actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[Seen]) -> Plan:
    """Have the plan that was looked at carried out by the worker."""
    return await service.carry_out(actor, agent_id, data, now=clock.now())


@get("/exit", summary="Show what becomes of what is one's own")
async def own(actor: CurrentActor) -> Plan:
    """Show the plan of one's own exit."""
    return await queries.own(actor)


@get("/exit/consents", summary="List what customers have said")
async def words(
    actor: CurrentActor,
    said: FromQuery[bool | None] = None,
    q: Words = None,
    cursor: PageCursor = None,
) -> Page[Word]:
    """List the customers, and to whom each wants to go, if it has said so."""
    return await queries.words(actor, said=said, q=q or "", cursor=cursor)


@post("/exit/consents", summary="Record customers' consent")
async def consent(actor: CurrentActor, data: JSONBody[NewConsents]) -> Plan:
    """Write down that customers want to go to another agent, or no longer do."""
    return await service.record_consents(actor, data, now=clock.now())


router = Router(
    "/platform/agents", route_handlers=[plan, draw_up, choose, carry_out], tags=["platform"]
)
own_router = Router("/partnership", route_handlers=[own, words, consent], tags=["partnership"])
