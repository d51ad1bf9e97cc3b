"""Benefits over HTTP: an agent's requests, the platform's programs and issuance records."""

import secrets
from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.benefits import queries, service
from server.benefits.batches import routes as batches
from server.benefits.eligibility import routes as eligibility
from server.benefits.escrow import routes as escrow
from server.benefits.reviews import routes as reviews
from server.benefits.rules import BenefitState
from server.benefits.schemas import (
    AllocationView,
    BenefitFilters,
    BenefitView,
    IssuanceFilters,
    IssuanceRecord,
    IssuanceTotal,
    NewAllocation,
    NewFunding,
    NewProgram,
    NewVoid,
    ProgramOffer,
    ProgramView,
    RequestBenefit,
)
from server.benefits.vouchers import routes as vouchers
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import Moment, PageCursor, in_utc

# Litestar keeps the name `state` for itself.
InState = Annotated[BenefitState | None, QueryParameter(name="state")]


@get("/programs", summary="List what may be requested")
async def offers(actor: CurrentActor) -> list[ProgramOffer]:
    """List the programs that are open or will be."""
    return await queries.offers(actor, now=clock.now())


@post("/requests", summary="Request a benefit")
async def request(actor: CurrentActor, data: JSONBody[RequestBenefit]) -> BenefitView:
    """Request a benefit for a customer; it is issued or refused at once."""
    return await service.request(actor, data, now=clock.now())


@get("/requests", summary="List benefits")
async def benefits(
    actor: CurrentActor,
    customer_id: FromQuery[UUID | None] = None,
    program_id: FromQuery[UUID | None] = None,
    in_state: InState = None,
    cursor: PageCursor = None,
) -> Page[BenefitView]:
    """List the benefits of the customers within sight, the last requested first."""
    filters = BenefitFilters(customer_id=customer_id, program_id=program_id, state=in_state)
    return await queries.benefits(actor, filters, cursor=cursor)


@get("/requests/{request_id:uuid}", summary="One benefit")
async def benefit(actor: CurrentActor, request_id: FromPath[UUID]) -> BenefitView:
    """Give one benefit and what became of it."""
    return await queries.benefit(actor, request_id)


@get("/programs", summary="List programs")
async def programs(actor: CurrentActor) -> list[ProgramView]:
    """List the programs with where their budgets stand."""
    return await queries.programs(actor)


@post("/programs", summary="Create a program")
async def create_program(actor: CurrentActor, data: JSONBody[NewProgram]) -> ProgramView:
    """Create a program; fund it to let benefits be issued."""
    token_key = secrets.token_bytes(32)
    return await service.create_program(actor, data, token_key=token_key, now=clock.now())


@get("/programs/{program_id:uuid}", summary="One program")
async def program(actor: CurrentActor, program_id: FromPath[UUID]) -> ProgramView:
    """Give a program with where its budget stands."""
    return await queries.program(actor, program_id)


@post("/programs/{program_id:uuid}/funding", summary="Fund a program")
async def fund(
    actor: CurrentActor, program_id: FromPath[UUID], data: JSONBody[NewFunding]
) -> ProgramView:
    """Put money into a program's budget, or take out what is available."""
    return await service.fund(actor, program_id, data, now=clock.now())


@get("/programs/{program_id:uuid}/allocations", summary="List allocations")
async def allocations(actor: CurrentActor, program_id: FromPath[UUID]) -> list[AllocationView]:
    """List where a program's budget stands; each agent with a part is told that it was read."""
    return await queries.allocations(actor, program_id, now=clock.now())


@post("/programs/{program_id:uuid}/allocations", summary="Allocate to an agent")
async def allocate(
    actor: CurrentActor, program_id: FromPath[UUID], data: JSONBody[NewAllocation]
) -> ProgramView:
    """Give a part of a program's budget to one agent, or take it back."""
    return await service.allocate(actor, program_id, data, now=clock.now())


@get("/issuances", summary="List issuance records")
async def issuances(
    actor: CurrentActor,
    agent_id: FromQuery[UUID | None] = None,
    program_id: FromQuery[UUID | None] = None,
    in_state: InState = None,
    since: Moment = None,
    until: Moment = None,
    cursor: PageCursor = None,
) -> Page[IssuanceRecord]:
    """List the benefits that were issued; each agent on the page is told that it was read."""
    filters = IssuanceFilters(
        agent_id=agent_id,
        program_id=program_id,
        state=in_state,
        since=in_utc(since, "since"),
        until=in_utc(until, "until"),
    )
    return await queries.issuances(actor, filters, cursor=cursor, now=clock.now())


@get("/issuance-totals", summary="Count issuances")
async def issuance_totals(actor: CurrentActor) -> list[IssuanceTotal]:
    """Count issuances and their amounts by agent, program and state; each agent is told."""
    return await queries.issuance_totals(actor, now=clock.now())


@post("/issuances/{issuance_id:uuid}/void", summary="Withdraw a benefit")
async def void(
    actor: CurrentActor, issuance_id: FromPath[UUID], data: JSONBody[NewVoid]
) -> IssuanceRecord:
    """Withdraw a benefit that was not used."""
    return await service.void(actor, issuance_id, data, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        Router(
            "/benefits",
            route_handlers=[
                offers,
                request,
                benefits,
                benefit,
                *eligibility.AGENT,
                *batches.AGENT,
                *escrow.AGENT,
                *reviews.AGENT,
                *vouchers.AGENT,
            ],
            tags=["benefits"],
        ),
        Router(
            "/platform",
            route_handlers=[
                programs,
                create_program,
                program,
                fund,
                allocations,
                allocate,
                issuances,
                issuance_totals,
                void,
                *eligibility.PLATFORM,
                *batches.PLATFORM,
                *reviews.PLATFORM,
                *vouchers.PLATFORM,
            ],
            tags=["platform: benefits"],
        ),
    ],
)
