"""Contracts, over HTTP. Each handler makes one call."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.contracts import exports, queries, service
from server.contracts.schemas import (
    ContractDetail,
    ContractEdit,
    ContractFilters,
    ContractView,
    Decide,
    Decided,
    NewContract,
    Receive,
    Received,
    Search,
)
from server.customers.reveals import beneath as reveals
from server.customers.schemas import Saved
from server.kit import clock, sheets
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit
from server.kit.sheets import CSV
from sync_protocol.contracting.states import State


async def filters(
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    standing: Annotated[State | None, QueryParameter(name="state")] = None,
    customer_id: FromQuery[UUID | None] = None,
    opportunity_id: FromQuery[UUID | None] = None,
    q: FromQuery[Search | None] = None,
    ending_within: Annotated[int | None, QueryParameter(ge=0, le=3650)] = None,
    is_overdue: FromQuery[bool | None] = None,
    is_untraced: FromQuery[bool | None] = None,
) -> ContractFilters:
    """Gather what a list is narrowed by."""
    return ContractFilters(
        state=standing,
        customer_id=customer_id,
        opportunity_id=opportunity_id,
        q=q,
        ending_within=ending_within,
        is_overdue=bool(is_overdue),
        is_untraced=bool(is_untraced),
    )


TheFilters = NamedDependency[ContractFilters]


@get("/", summary="List contracts")
async def list_contracts(
    actor: CurrentActor,
    filters: TheFilters,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[ContractView]:
    """List the contracts within sight, the newest first."""
    return await queries.list_page(actor, filters, now=clock.now(), cursor=cursor, limit=limit)


@get("/export.csv", summary="Export contracts", media_type=CSV, opt={"time_limit_s": None})
async def export(actor: CurrentActor, filters: TheFilters) -> Stream:
    """Export the contracts within sight as CSV, a line each. For who may export."""
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "contracts.csv")


@post("/", summary="Write a contract")
async def create(actor: CurrentActor, data: JSONBody[NewContract]) -> Saved:
    """Write a contract with a customer, from a quote or to renew another; it is a draft."""
    return await service.create(actor, data, now=clock.now())


@get("/{contract_id:uuid}", summary="Show a contract")
async def show(actor: CurrentActor, contract_id: FromPath[UUID]) -> ContractDetail:
    """Give a contract with its payments and what was done with it."""
    return await queries.detail(actor, contract_id, now=clock.now())


@patch("/{contract_id:uuid}", summary="Change a contract")
async def edit(
    actor: CurrentActor, contract_id: FromPath[UUID], data: JSONBody[ContractEdit]
) -> Saved:
    """Change a contract that nobody has signed; what an approval was about voids it."""
    return await service.edit(actor, contract_id, data, now=clock.now())


@post("/{contract_id:uuid}/decisions", status_code=200, summary="Decide about a contract")
async def decide(
    actor: CurrentActor, contract_id: FromPath[UUID], data: JSONBody[Decide]
) -> Decided:
    """Submit, approve, decline, sign, revise, terminate or give up a contract."""
    return await service.decide(actor, contract_id, data, now=clock.now())


@post("/{contract_id:uuid}/receipts", status_code=200, summary="Note a payment")
async def receive(
    actor: CurrentActor, contract_id: FromPath[UUID], data: JSONBody[Receive]
) -> Received:
    """Note that money came in; below zero it takes back what was noted by mistake."""
    return await service.receive(actor, contract_id, data, now=clock.now())


reveals.register("contract", queries.holders)

router = Router(
    "/contracts",
    route_handlers=[list_contracts, export, create, show, edit, decide, receive],
    dependencies={"filters": Provide(filters)},
    tags=["contracts"],
)
