"""The pipeline over HTTP. Each handler makes one call."""

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.customers.reveals import beneath as reveals
from server.customers.schemas import Saved
from server.imports import targets
from server.kit import clock, sheets
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import Base, PageCursor, PageLimit, Words
from server.kit.sheets import CSV
from server.pipeline import exports, queries, service
from server.pipeline.imports.target import DEALS
from server.pipeline.schemas import (
    Board,
    Category,
    DealFilters,
    DealState,
    DraftView,
    ForecastLine,
    Migrate,
    Migrated,
    MigrationPreview,
    Move,
    Moved,
    NewOpening,
    NewOpportunity,
    OpportunityDetail,
    OpportunityEdit,
    OpportunityView,
    Pipeline,
    ProcessVersion,
    ProcessView,
    Publish,
    SaveDraft,
)


async def filters(  # noqa: PLR0913, PLR0917 - a list is narrowed in as many ways
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    standing: Annotated[DealState | None, QueryParameter(name="state")] = None,
    family_id: FromQuery[UUID | None] = None,
    is_built_in: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
    process_id: FromQuery[UUID | None] = None,
    stage: Words = None,
    category: FromQuery[Category | None] = None,
    month: Words = None,
    customer_id: FromQuery[UUID | None] = None,
    owner_id: FromQuery[UUID | None] = None,
    is_stale: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
) -> DealFilters:
    """Gather what a list of deals is narrowed by."""
    return DealFilters(
        state=standing,
        family_id=family_id,
        is_built_in=is_built_in,
        process_id=process_id,
        stage=stage,
        category=category,
        month=month,
        customer_id=customer_id,
        owner_id=owner_id,
        is_stale=is_stale,
    )


@get("/opportunities", summary="List deals")
async def list_deals(
    actor: CurrentActor,
    filters: NamedDependency[DealFilters],
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[OpportunityView]:
    """List the deals within sight, the largest first: what is behind a figure."""
    now = clock.now()
    return await queries.list_page(actor, filters, now=now, cursor=cursor, limit=limit)


@get(
    "/opportunities/export.csv", summary="Export deals", media_type=CSV, opt={"time_limit_s": None}
)
async def export(actor: CurrentActor, filters: NamedDependency[DealFilters]) -> Stream:
    """Export the deals within sight as CSV, a line each. For who may export."""
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "deals.csv")


@post("/opportunities", summary="Begin a deal")
async def create(actor: CurrentActor, data: JSONBody[NewOpportunity]) -> Saved:
    """Begin a deal in the first stage of its process."""
    return await service.create(actor, data, now=clock.now())


@get("/opportunities/{opportunity_id:uuid}", summary="Show a deal")
async def show(actor: CurrentActor, opportunity_id: FromPath[UUID]) -> OpportunityDetail:
    """Give a deal with its process, what is open, and how it came here."""
    return await queries.detail(actor, opportunity_id, now=clock.now())


@patch("/opportunities/{opportunity_id:uuid}", summary="Edit a deal")
async def edit(
    actor: CurrentActor, opportunity_id: FromPath[UUID], data: JSONBody[OpportunityEdit]
) -> Saved:
    """Change the touched fields and steps. What somebody else wrote meanwhile is merged."""
    return await service.edit(actor, opportunity_id, data, now=clock.now())


@delete("/opportunities/{opportunity_id:uuid}", status_code=200, summary="Delete a deal")
async def remove(actor: CurrentActor, opportunity_id: FromPath[UUID], base: Base = None) -> Saved:
    """Delete a deal that should not have been; one that came to nothing is lost instead."""
    return await service.delete(actor, opportunity_id, base=base, now=clock.now())


@post("/opportunities/{opportunity_id:uuid}/moves", status_code=200, summary="Move a deal")
async def move(actor: CurrentActor, opportunity_id: FromPath[UUID], data: JSONBody[Move]) -> Moved:
    """Move a deal forward through its gates, back, lose it, or open it again."""
    return await service.move(actor, opportunity_id, data, now=clock.now())


@post("/opportunities/{opportunity_id:uuid}/openings", status_code=204, summary="Open a template")
async def open_template(
    actor: CurrentActor, opportunity_id: FromPath[UUID], data: JSONBody[NewOpening]
) -> None:
    """Note that somebody looks at a template or case of the deal's process."""
    await service.open_template(actor, opportunity_id, data, now=clock.now())


@get("/customers/{customer_id:uuid}/opportunities", summary="List a customer's deals")
async def of_customer(actor: CurrentActor, customer_id: FromPath[UUID]) -> list[OpportunityView]:
    """List a customer's deals, the open ones first."""
    return await queries.of_customer(actor, customer_id, now=clock.now())


@get("/pipeline", summary="Count deals by stage")
async def pipeline(actor: CurrentActor, family_id: FromQuery[UUID | None] = None) -> Pipeline:
    """Give a process in numbers, as far as one sees; the built-in one without a family."""
    return await queries.pipeline(actor, family_id)


@get("/pipeline/board", summary="Show the board")
async def board(actor: CurrentActor, family_id: FromQuery[UUID | None] = None) -> Board:
    """Give a process in columns: its numbers and each column's largest deals."""
    return await queries.board(actor, family_id, now=clock.now())


@get("/pipeline/forecast", summary="Forecast by month")
async def forecast(actor: CurrentActor) -> list[ForecastLine]:
    """Give the open deals within sight by forecast category and month."""
    return await queries.forecast(actor)


@get("/processes", summary="List processes")
async def list_processes(actor: CurrentActor) -> list[ProcessView]:
    """List what a deal may be begun by; the built-in process has no id."""
    return await queries.current_processes(actor)


@get("/process-drafts", summary="List drafts")
async def list_drafts(actor: CurrentActor) -> list[DraftView]:
    """List the drafts of processes, the last saved first."""
    return await queries.drafts(actor)


@get("/process-drafts/{family_id:uuid}", summary="Show a draft")
async def show_draft(actor: CurrentActor, family_id: FromPath[UUID]) -> DraftView:
    """Give the draft of a process's next version."""
    return await queries.draft(actor, family_id)


@put("/process-drafts", summary="Save a draft")
async def save_draft(actor: CurrentActor, data: JSONBody[SaveDraft]) -> DraftView:
    """Keep what was thought out of a process's next version, or of a new process."""
    return await service.save_draft(actor, data, now=clock.now())


@delete("/process-drafts/{family_id:uuid}", summary="Discard a draft")
async def discard_draft(actor: CurrentActor, family_id: FromPath[UUID]) -> None:
    """Throw a draft away; what was published stays."""
    await service.discard_draft(actor, family_id)


@post("/process-drafts/{family_id:uuid}/publication", summary="Publish a draft")
async def publish(
    actor: CurrentActor, family_id: FromPath[UUID], data: JSONBody[Publish]
) -> ProcessView:
    """Make the draft the current version; deals that have begun stay on theirs."""
    return await service.publish(actor, family_id, data, now=clock.now())


@post("/processes/{family_id:uuid}/retirement", status_code=204, summary="Retire a process")
async def retire(actor: CurrentActor, family_id: FromPath[UUID]) -> None:
    """Let no new deal begin by a process; those that have begun finish on it."""
    await service.retire(actor, family_id, now=clock.now())


@post("/processes/{process_id:uuid}/migration", status_code=200, summary="Migrate deals")
async def migrate(
    actor: CurrentActor, process_id: FromPath[UUID], data: JSONBody[Migrate]
) -> Migrated:
    """Let the open deals of a version follow another one; what was done stays done."""
    return await service.migrate(actor, process_id, data, now=clock.now())


@post("/processes/built-in/migration", status_code=200, summary="Migrate built-in deals")
async def migrate_built_in(actor: CurrentActor, data: JSONBody[Migrate]) -> Migrated:
    """Let the open deals of the built-in process follow one of the company's own."""
    return await service.migrate(actor, None, data, now=clock.now())


@get("/process-versions", summary="List versions of processes")
async def list_versions(actor: CurrentActor) -> list[ProcessVersion]:
    """List every version of every process, with how many deals follow it."""
    return await queries.process_versions(actor)


@post(
    "/processes/{process_id:uuid}/migration-preview", status_code=200, summary="Preview migration"
)
async def preview(
    actor: CurrentActor, process_id: FromPath[UUID], data: JSONBody[Migrate]
) -> MigrationPreview:
    """Say what a migration would do, deal by deal; nothing is done."""
    return await queries.migration_preview(actor, process_id, data, now=clock.now())


@post(
    "/processes/built-in/migration-preview", status_code=200, summary="Preview built-in migration"
)
async def preview_built_in(actor: CurrentActor, data: JSONBody[Migrate]) -> MigrationPreview:
    """Say what a migration of the built-in process's deals would do; nothing is done."""
    return await queries.migration_preview(actor, None, data, now=clock.now())


targets.register(DEALS)
reveals.register("opportunity", queries.holders)

router = Router(
    "/",
    route_handlers=[
        list_deals,
        export,
        create,
        show,
        edit,
        remove,
        move,
        open_template,
        of_customer,
        pipeline,
        board,
        forecast,
        list_processes,
        list_drafts,
        show_draft,
        save_draft,
        discard_draft,
        publish,
        retire,
        migrate,
        migrate_built_in,
        list_versions,
        preview,
        preview_built_in,
    ],
    dependencies={"filters": Provide(filters)},
    tags=["pipeline"],
)
