"""Service cases, over HTTP. Each handler makes one call."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.cases import exports, queries, service
from server.cases.schemas import (
    Assignment,
    CaseDetail,
    CaseEdit,
    CaseFilters,
    CaseView,
    Decide,
    NewCase,
    NewComment,
    SetTargets,
    Severity,
    TargetsView,
)
from server.customers.reveals import beneath as reveals
from server.customers.schemas import Saved
from server.kit import clock, sheets
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit, Words
from server.kit.sheets import CSV
from sync_protocol.serving import State


async def filters(
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    standing: Annotated[State | None, QueryParameter(name="state")] = None,
    is_live: FromQuery[bool | None] = None,
    is_late: FromQuery[bool | None] = None,
    severity: FromQuery[Severity | None] = None,
    assignee_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    q: Words = None,
) -> CaseFilters:
    """Gather what a list is narrowed by."""
    return CaseFilters(
        state=standing,
        is_live=bool(is_live),
        is_late=bool(is_late),
        severity=severity,
        assignee_id=assignee_id,
        customer_id=customer_id,
        q=q,
    )


TheFilters = NamedDependency[CaseFilters]


@get("/", summary="List service cases")
async def list_cases(
    actor: CurrentActor,
    filters: TheFilters,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[CaseView]:
    """List the cases within sight, the newest first."""
    return await queries.list_page(actor, filters, now=clock.now(), cursor=cursor, limit=limit)


@get("/export.csv", summary="Export service cases", media_type=CSV, opt={"time_limit_s": None})
async def export(actor: CurrentActor, filters: TheFilters) -> Stream:
    """Export the cases within sight as CSV, a line each. For who may export."""
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "cases.csv")


@post("/", summary="Open a service case")
async def create(actor: CurrentActor, data: JSONBody[NewCase]) -> Saved:
    """Note down what a customer complains of, or asks for."""
    return await service.create(actor, data, now=clock.now())


@get("/{case_id:uuid}", summary="Show a service case")
async def show(actor: CurrentActor, case_id: FromPath[UUID]) -> CaseDetail:
    """Give a case with its clocks, and what was done and said."""
    return await queries.detail(actor, case_id, now=clock.now())


@patch("/{case_id:uuid}", summary="Change a service case")
async def edit(actor: CurrentActor, case_id: FromPath[UUID], data: JSONBody[CaseEdit]) -> Saved:
    """Change what is known of a case; by another severity it is due at other times."""
    return await service.edit(actor, case_id, data, now=clock.now())


@post("/{case_id:uuid}/decisions", status_code=200, summary="Decide about a service case")
async def decide(actor: CurrentActor, case_id: FromPath[UUID], data: JSONBody[Decide]) -> CaseView:
    """Begin, let wait, resume, resolve, close or reopen a case."""
    return await service.decide(actor, case_id, data, now=clock.now())


@post("/{case_id:uuid}/comments", status_code=200, summary="Comment on a service case")
async def comment(
    actor: CurrentActor, case_id: FromPath[UUID], data: JSONBody[NewComment]
) -> CaseView:
    """Say something about a case; the first word of ours answers it."""
    return await service.comment(actor, case_id, data, now=clock.now())


@post("/{case_id:uuid}/assignment", status_code=200, summary="Assign a service case")
async def assign(
    actor: CurrentActor, case_id: FromPath[UUID], data: JSONBody[Assignment]
) -> CaseView:
    """Take a case, or give it to somebody; the latter is for managers."""
    return await service.assign(actor, case_id, data.assignee_id, now=clock.now())


@get("/targets", summary="Show the targets of cases")
async def targets(actor: CurrentActor) -> TargetsView:
    """Say by when cases are to be answered and resolved, with all versions."""
    return await queries.targets(actor, now=clock.now())


@put("/targets", summary="Set the targets of cases")
async def set_targets(actor: CurrentActor, data: JSONBody[SetTargets]) -> TargetsView:
    """Set by when later cases are to be answered and resolved; past ones keep their targets."""
    return await service.set_targets(actor, data, now=clock.now())


reveals.register("service_case", queries.holders)

router = Router(
    "/service-cases",
    route_handlers=[
        *(list_cases, export, create, show, edit, decide, comment, assign),
        *(targets, set_targets),
    ],
    dependencies={"filters": Provide(filters)},
    tags=["cases"],
)
