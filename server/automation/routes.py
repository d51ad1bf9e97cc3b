"""Automation over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, post, put
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.automation import queries, service
from server.automation.plays import routes as plays
from server.automation.schemas import EscalationView, NewTrial, Sla, Terms, TrialView
from server.automation.signals import routes as signals
from server.kit import clock


@get("/sla", summary="Show the rule of must-do tasks")
async def sla(actor: CurrentActor) -> Sla:
    """Give the terms that hold for must-do tasks, and their version."""
    return await queries.sla(actor)


@put("/sla", summary="Set the rule of must-do tasks")
async def set_sla(actor: CurrentActor, data: JSONBody[Terms]) -> Sla:
    """Set when word of must-do tasks goes where, as the next version."""
    return await service.set_sla(actor, data, now=clock.now())


@post("/sla/trial", status_code=200, summary="Try a rule on the past")
async def trial(actor: CurrentActor, data: JSONBody[NewTrial]) -> TrialView:
    """Say what terms would have done with the must-do tasks of the last days."""
    return await queries.trial(actor, data, now=clock.now())


@get("/tasks/{task_id:uuid}/escalations", summary="Show where word of a task went")
async def escalations(actor: CurrentActor, task_id: FromPath[UUID]) -> list[EscalationView]:
    """List the steps that word of a task went, each with the version of the rule."""
    return await queries.escalations(actor, task_id)


router = Router(
    "/",
    route_handlers=[
        Router(
            "/automation",
            route_handlers=[
                *(sla, set_sla, trial, escalations),
                *signals.managed,
                plays.router,
            ],
        ),
        signals.router,
    ],
    tags=["automation"],
)
