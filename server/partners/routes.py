"""Partners over HTTP: agents, where they may work, and the tree of divisions."""

import secrets
from datetime import date
from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.identity.schemas import InvitationView
from server.kit import clock, divisions
from server.kit.divisions import CODE, Division, Located
from server.kit.parameters import Words
from server.partners import queries, service
from server.partners.schemas import (
    AgentView,
    AgreementView,
    ExitView,
    HolderView,
    NewAgent,
    NewAgreement,
    NewContract,
    NewExit,
    NewStep,
    NewTerritory,
    NewTier,
    Partnership,
    TerritoryEnd,
    TerritoryView,
    Tick,
)

DivisionGiven = Annotated[str, QueryParameter(pattern=CODE)]
DivisionAsked = Annotated[str | None, QueryParameter(pattern=CODE)]


@post("/", summary="Admit an agent")
async def admit(actor: CurrentActor, data: JSONBody[NewAgent]) -> AgentView:
    """Give an agent company its workspace, its first team and its owner."""
    return await service.admit(actor, data, now=clock.now())


@post("/{agent_id:uuid}/owner-invitation", summary="Invite an agent's owner")
async def invite_owner(actor: CurrentActor, agent_id: FromPath[UUID]) -> InvitationView:
    """Make the one-time code with which the owner sets login name and password, shown once."""
    return await service.invite_owner(actor, agent_id, now=clock.now())


@get("/territories", summary="List territories")
async def list_territories(
    actor: CurrentActor,
    within: DivisionAsked = None,
    on: FromQuery[date | None] = None,
    agent_id: FromQuery[UUID | None] = None,
) -> list[TerritoryView]:
    """List where agents may work: in a place and all that lies in it, on a day, of one agent."""
    return await queries.territories(actor, within=within, on=on, agent_id=agent_id)


@get("/territories/holder", summary="Say who holds a place")
async def territory_holder(
    actor: CurrentActor, division: DivisionGiven, on: FromQuery[date]
) -> HolderView:
    """Say who may work in a place on a day, and to whom goes what lies there."""
    return await queries.holder(actor, division, on=on)


@post("/territories", summary="Give an agent a territory")
async def grant_territory(actor: CurrentActor, data: JSONBody[NewTerritory]) -> TerritoryView:
    """Let an agent work in a place, alone or beside others."""
    return await service.grant_territory(actor, data, now=clock.now())


@post("/territories/{territory_id:uuid}/end", summary="End a territory")
async def end_territory(
    actor: CurrentActor, territory_id: FromPath[UUID], data: JSONBody[TerritoryEnd]
) -> TerritoryView:
    """Let a territory end, today at the earliest."""
    return await service.end_territory(actor, territory_id, data, now=clock.now())


@get("/{agent_id:uuid}/partnership", summary="Show what is agreed with an agent")
async def partnership_file(actor: CurrentActor, agent_id: FromPath[UUID]) -> Partnership:
    """Show tier, agreements, territories, on-boarding and contract of an agent, which sees it."""
    return await queries.file(actor, agent_id, now=clock.now())


@post("/{agent_id:uuid}/tier", summary="Set an agent's tier")
async def set_tier(
    actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[NewTier]
) -> Partnership:
    """Let an agent have a tier from today on."""
    return await service.set_tier(actor, agent_id, data, now=clock.now())


@post("/{agent_id:uuid}/agreements", summary="Record an agreement")
async def record_agreement(
    actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[NewAgreement]
) -> AgreementView:
    """Write down what was signed; the same number again is its next version."""
    return await service.record_agreement(actor, agent_id, data, now=clock.now())


@post("/{agent_id:uuid}/onboarding/{step:str}", summary="Tick a step")
async def tick(
    actor: CurrentActor, agent_id: FromPath[UUID], step: FromPath[str], data: JSONBody[Tick]
) -> Partnership:
    """Say that a step of an agent's on-boarding is done."""
    return await service.tick(actor, agent_id, step, data, now=clock.now())


@delete("/{agent_id:uuid}/onboarding/{step:str}", status_code=200, summary="Take a tick back")
async def untick(actor: CurrentActor, agent_id: FromPath[UUID], step: FromPath[str]) -> Partnership:
    """Say that a step is not done after all."""
    return await service.untick(actor, agent_id, step, now=clock.now())


@post("/{agent_id:uuid}/contracts", summary="Offer a sharing contract")
async def offer_contract(
    actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[NewContract]
) -> Partnership:
    """Offer an agent another contract; it holds once the owner has accepted it."""
    return await service.offer_contract(actor, agent_id, data, now=clock.now())


@post("/onboarding-steps", summary="Add a step to the on-boarding")
async def add_step(actor: CurrentActor, data: JSONBody[NewStep]) -> NewStep:
    """Let every agent's on-boarding have one more step."""
    return await service.add_step(actor, data, now=clock.now())


@post("/{agent_id:uuid}/exit", summary="Open an agent's exit")
async def open_exit(
    actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[NewExit]
) -> ExitView:
    """Let an agent leave: from its freeze it begins nothing new, and takes all along."""
    key = secrets.token_bytes(32)
    return await service.open_exit(actor, agent_id, data, token_key=key, now=clock.now())


@post("/{agent_id:uuid}/exit/cancellation", summary="Call an agent's exit off")
async def cancel_exit(actor: CurrentActor, agent_id: FromPath[UUID]) -> ExitView:
    """Let an agent stay after all, before anything is carried out."""
    return await service.cancel_exit(actor, agent_id, now=clock.now())


@post("/{agent_id:uuid}/exit/return", summary="Let an agent come back")
async def readmit(actor: CurrentActor, agent_id: FromPath[UUID]) -> ExitView:
    """Let a company that has left begin anew; what went elsewhere stays there."""
    return await service.readmit(actor, agent_id, now=clock.now())


@get("/", summary="Show what is agreed with the platform")
async def partnership(actor: CurrentActor) -> Partnership:
    """Show one's own tier, agreements, territories, on-boarding and sharing contract."""
    return await queries.partnership(actor)


@post("/contracts/{version:int}/acceptance", summary="Accept a sharing contract")
async def accept_contract(actor: CurrentActor, version: FromPath[int]) -> Partnership:
    """Let the contract on offer hold from now on."""
    return await service.accept_contract(actor, version, now=clock.now())


@get("/", summary="List divisions")
async def list_divisions(actor: CurrentActor, parent: DivisionAsked = None) -> list[Division]:  # noqa: ARG001 - the gate asks who it is
    """List what lies directly in a province or a city; without one the provinces."""
    return list(divisions.inside(parent))


@get("/located", summary="Find an address in the tree")
async def locate(
    actor: CurrentActor,  # noqa: ARG001 - the gate asks who it is
    city: Words = None,
    district: Words = None,
    address: Words = None,
) -> Located:
    """Find the division of an address, and say what each of its words did."""
    return divisions.locate(city=city, district=district, address=address)


router = Router(
    "/platform/agents",
    route_handlers=[
        admit,
        invite_owner,
        list_territories,
        territory_holder,
        grant_territory,
        end_territory,
        partnership_file,
        set_tier,
        record_agreement,
        tick,
        untick,
        offer_contract,
        add_step,
        open_exit,
        cancel_exit,
        readmit,
    ],
    tags=["platform"],
)
own_router = Router(
    "/partnership", route_handlers=[partnership, accept_contract], tags=["partnership"]
)
divisions_router = Router("/divisions", route_handlers=[list_divisions, locate], tags=["divisions"])
