"""Activities over HTTP. Each handler makes one call."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.activities import exports, queries, service
from server.activities.schemas import (
    Assignment,
    CallEdit,
    CallView,
    Completion,
    Decision,
    Dialled,
    Dialling,
    NewAppeal,
    NewCall,
    NewTask,
    NewTasks,
    NewVisit,
    TaskEdit,
    TaskFilters,
    TasksMade,
    TaskState,
    TaskView,
    VisitEdit,
    VisitFilters,
    VisitState,
    VisitView,
)
from server.customers.reveals import beneath as reveals
from server.kit import clock, sheets
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit
from server.kit.sheets import CSV

State = Annotated[VisitState | None, QueryParameter(name="state")]
"""Litestar keeps the word itself for something of its own."""
TaskStateAsked = Annotated[TaskState | None, QueryParameter(name="state")]


async def narrow_visits(
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    customer_id: FromQuery[UUID | None] = None,
    visitor_id: FromQuery[UUID | None] = None,
    wanted: State = None,
    is_doubted: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
    is_appealed: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
) -> VisitFilters:
    """Gather what a list is narrowed by."""
    return VisitFilters(
        customer_id=customer_id,
        visitor_id=visitor_id,
        state=wanted,
        is_doubted=is_doubted,
        is_appealed=is_appealed,
    )


@get("/", summary="List visits")
async def visits(
    actor: CurrentActor,
    visit_filters: NamedDependency[VisitFilters],
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[VisitView]:
    """List the visits to customers within sight, the latest first; planned ones soonest first."""
    return await queries.visits(actor, visit_filters, cursor=cursor, limit=limit)


@get("/export.csv", summary="Export visits", media_type=CSV, opt={"time_limit_s": None})
async def export_visits(
    actor: CurrentActor, visit_filters: NamedDependency[VisitFilters]
) -> Stream:
    """Export the visits within sight as CSV, a line each. For who may export."""
    blocks = await exports.visits(actor, visit_filters, now=clock.now())
    return sheets.answer(blocks, "visits.csv")


@post("/customers/{customer_id:uuid}/visits", summary="Plan or begin a visit")
async def add_visit(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewVisit]
) -> VisitView:
    """Plan a visit to a customer, or tell of one that has begun."""
    return await service.add_visit(actor, customer_id, data, now=clock.now())


@get("/{visit_id:uuid}", summary="Show a visit")
async def visit(actor: CurrentActor, visit_id: FromPath[UUID]) -> VisitView:
    """Give a visit, and how far it is trusted."""
    return await queries.visit(actor, visit_id)


@patch("/{visit_id:uuid}", summary="Tell more of a visit")
async def change_visit(
    actor: CurrentActor, visit_id: FromPath[UUID], data: JSONBody[VisitEdit]
) -> VisitView:
    """Move a visit, cancel it, check in or out, or write what came of it."""
    return await service.change_visit(actor, visit_id, data, now=clock.now())


@post("/{visit_id:uuid}/appeal", status_code=200, summary="Appeal a visit's score")
async def appeal(
    actor: CurrentActor, visit_id: FromPath[UUID], data: JSONBody[NewAppeal]
) -> VisitView:
    """Speak against the score of one's own visit, once."""
    return await service.appeal(actor, visit_id, data, now=clock.now())


@post("/{visit_id:uuid}/appeal/decision", status_code=200, summary="Decide an appeal")
async def decide_appeal(
    actor: CurrentActor, visit_id: FromPath[UUID], data: JSONBody[Decision]
) -> VisitView:
    """Take a visit for what its visitor says, or let the score stand."""
    return await service.decide_appeal(actor, visit_id, data, now=clock.now())


async def narrow_tasks(
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    customer_id: FromQuery[UUID | None] = None,
    assignee_id: FromQuery[UUID | None] = None,
    wanted: TaskStateAsked = None,
    is_must_do: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
    is_overdue: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
) -> TaskFilters:
    """Gather what a list is narrowed by."""
    return TaskFilters(
        customer_id=customer_id,
        assignee_id=assignee_id,
        state=TaskState.OPEN if is_overdue else wanted,
        is_must_do=is_must_do,
        due_before=clock.now() if is_overdue else None,
    )


@get("/", summary="List tasks")
async def tasks(
    actor: CurrentActor,
    task_filters: NamedDependency[TaskFilters],
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[TaskView]:
    """List the tasks for customers within sight: open ones by due time, others newest first."""
    return await queries.tasks(actor, task_filters, cursor=cursor, limit=limit)


@get("/export.csv", summary="Export tasks", media_type=CSV, opt={"time_limit_s": None})
async def export_tasks(actor: CurrentActor, task_filters: NamedDependency[TaskFilters]) -> Stream:
    """Export the tasks within sight as CSV, a line each. For who may export."""
    blocks = await exports.tasks(actor, task_filters, now=clock.now())
    return sheets.answer(blocks, "tasks.csv")


@post("/customers/{customer_id:uuid}/tasks", summary="Make a task")
async def add_task(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewTask]
) -> TaskView:
    """Make a task for a customer, one's own or somebody else's."""
    return await service.add_task(actor, customer_id, data, now=clock.now())


@post("/", summary="Make a task for many customers")
async def add_tasks(actor: CurrentActor, data: JSONBody[NewTasks]) -> TasksMade:
    """Make the same task for each customer that a filter leaves, up to a thousand."""
    return await service.add_tasks(actor, data, now=clock.now())


@get("/{task_id:uuid}", summary="Show a task")
async def task(actor: CurrentActor, task_id: FromPath[UUID]) -> TaskView:
    """Give a task."""
    return await queries.task(actor, task_id)


@patch("/{task_id:uuid}", summary="Change a task")
async def change_task(
    actor: CurrentActor, task_id: FromPath[UUID], data: JSONBody[TaskEdit]
) -> TaskView:
    """Change what a task asks for, cancel it, or write what came of it."""
    return await service.change_task(actor, task_id, data, now=clock.now())


@post("/{task_id:uuid}/completion", status_code=200, summary="Complete a task")
async def complete_task(
    actor: CurrentActor, task_id: FromPath[UUID], data: JSONBody[Completion]
) -> TaskView:
    """Say that a task is done, and what came of it."""
    return await service.complete_task(actor, task_id, data, now=clock.now())


@post("/{task_id:uuid}/assignment", status_code=200, summary="Give a task to somebody")
async def assign_task(
    actor: CurrentActor, task_id: FromPath[UUID], data: JSONBody[Assignment]
) -> TaskView:
    """Give a task to somebody who sees its customer, and tell them."""
    return await service.assign_task(actor, task_id, data.assignee_id, now=clock.now())


@get("/customers/{customer_id:uuid}/calls", summary="List a customer's calls")
async def calls(actor: CurrentActor, customer_id: FromPath[UUID]) -> list[CallView]:
    """List the newest calls with a customer."""
    return await queries.calls_of(actor, customer_id)


@post("/customers/{customer_id:uuid}/calls", summary="Write a call down")
async def add_call(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[NewCall]
) -> CallView:
    """Write down a call that took place, or was tried."""
    return await service.add_call(actor, customer_id, data, now=clock.now())


@post("/customers/{customer_id:uuid}/dialling", status_code=200, summary="Ask for a phone")
async def dial(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[Dialling]
) -> Dialled:
    """Give the phone to dial, where nobody has asked not to be called there."""
    return await queries.dial(actor, customer_id, data)


@get("/calls/{call_id:uuid}", summary="Show a call")
async def call(actor: CurrentActor, call_id: FromPath[UUID]) -> CallView:
    """Give a call."""
    return await queries.call(actor, call_id)


@patch("/calls/{call_id:uuid}", summary="Tell more of a call")
async def change_call(
    actor: CurrentActor, call_id: FromPath[UUID], data: JSONBody[CallEdit]
) -> CallView:
    """Write what came of a call after all."""
    return await service.change_call(actor, call_id, data, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        *(add_visit, add_task, calls, add_call, dial, call, change_call),
        Router(
            "/visits",
            route_handlers=[
                *(visits, export_visits, visit, change_visit, appeal, decide_appeal),
            ],
            dependencies={"visit_filters": Provide(narrow_visits)},
        ),
        Router(
            "/tasks",
            route_handlers=[
                *(tasks, export_tasks, add_tasks, task, change_task, complete_task, assign_task),
            ],
            # Litestar takes a body's field that is called like a dependency for our own fault.
            dependencies={"task_filters": Provide(narrow_tasks)},
        ),
    ],
    tags=["activities"],
)

reveals.register("visit", queries.holders.visits)
reveals.register("task", queries.holders.tasks)
reveals.register("call", queries.holders.calls)
