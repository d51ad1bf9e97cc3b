"""Plays over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, post, put
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.automation.plays import queries, service
from server.automation.plays.schemas import (
    FiringView,
    NewPlay,
    NewPlayTrial,
    PlayEdit,
    PlayTrialView,
    PlayView,
    Switch,
)
from server.kit import clock


@get("/", summary="List plays")
async def plays(actor: CurrentActor) -> list[PlayView]:
    """List the company's own rules, those that act first."""
    return await queries.plays(actor, now=clock.now())


@post("/", summary="Publish a play")
async def publish(actor: CurrentActor, data: JSONBody[NewPlay]) -> PlayView:
    """Publish a rule; it acts from now on."""
    return await service.publish(actor, data, now=clock.now())


@post("/trial", status_code=200, summary="Try a play on the past")
async def trial(actor: CurrentActor, data: JSONBody[NewPlayTrial]) -> PlayTrialView:
    """Say what a rule would have done in the last days."""
    return await queries.trial(actor, data, now=clock.now())


@get("/{play_id:uuid}", summary="Show a play")
async def play(actor: CurrentActor, play_id: FromPath[UUID]) -> PlayView:
    """Give a rule as it holds."""
    return await queries.play(actor, play_id, now=clock.now())


@put("/{play_id:uuid}", summary="Change a play")
async def change(
    actor: CurrentActor, play_id: FromPath[UUID], data: JSONBody[PlayEdit]
) -> PlayView:
    """Publish what a rule says from now on, as its next version."""
    return await service.change(actor, play_id, data, now=clock.now())


@post("/{play_id:uuid}/switch", status_code=200, summary="Switch a play on or off")
async def switch(actor: CurrentActor, play_id: FromPath[UUID], data: JSONBody[Switch]) -> PlayView:
    """Let a rule act from now on, or no more."""
    return await service.switch(actor, play_id, is_on=data.is_on, now=clock.now())


@get("/{play_id:uuid}/firings", summary="Show what a play did")
async def firings(actor: CurrentActor, play_id: FromPath[UUID]) -> list[FiringView]:
    """List what a rule did last, by which version, and why on whom."""
    return await queries.firings(actor, play_id, now=clock.now())


router = Router("/plays", route_handlers=[plays, publish, trial, play, change, switch, firings])
