"""Tasks: list them, look at one and why one has it, note, finish, cancel and give one."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms, htmx
from partner_portal.activities.moments import moment_of
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.activities import exports, queries, service
from server.activities.schemas import (
    Assignment,
    Completion,
    NewTask,
    Priority,
    TaskFilters,
    TaskState,
    TaskView,
)
from server.automation import queries as automation
from server.identity import queries as identity
from server.kit import clock, sheets
from server.kit.errors import Refusal
from server.kit.sheets import CSV

LOOKS: Final = ("", "overdue", "team", "done")
PRIORITIES: Final = tuple(Priority)


def _filters(actor: Actor, look: str, now: datetime) -> TaskFilters:
    """Say which tasks a look shows."""
    match look:
        case "overdue":
            return TaskFilters(state=TaskState.OPEN, due_before=now)
        case "team":
            return TaskFilters(state=TaskState.OPEN)
        case "done":
            return TaskFilters(assignee_id=actor.user_id, state=TaskState.DONE)
        case _:
            return TaskFilters(assignee_id=actor.user_id, state=TaskState.OPEN)


@get("/tasks")
async def tasks(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List tasks: one's own, what is late, the team's, or what one has done."""
    look, now = _look(request), clock.now()
    cursor = request.query_params.get("cursor") or None
    shown: dict[str, Any] = {
        "page": await queries.tasks(actor, _filters(actor, look, now), cursor=cursor),
        "look": look,
        "looks": LOOKS,
        "now": now,
        "people": (await identity.directory(actor)).people,
        "may_export": Permission.CUSTOMERS_EXPORT in ROLE_PERMISSIONS[actor.role],
    }
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "activities/templates/task_rows.html", **shown)
    return renderer.page(
        request, "activities/templates/tasks.html", **shown, **await frame(request, actor)
    )


def _look(request: AnyRequest) -> str:
    """Read which tab is asked for; one that is none is the first."""
    look = request.query_params.get("look", "")
    return look if look in LOOKS else ""


@get("/tasks/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the tasks that the list shows, as a file that spreadsheet programs open."""
    now = clock.now()
    filters = _filters(actor, _look(request), now)
    return sheets.answer(await exports.tasks(actor, filters, now=now), "tasks.csv")


@get("/tasks/{task_id:uuid}")
async def task(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, task_id: FromPath[UUID]
) -> Response[Any]:
    """Show one task, who gave it or which rule made it, and what one may do with it."""
    held = await queries.task(actor, task_id)
    return await _page(request, actor, renderer, held, Problem())


@post("/tasks/{task_id:uuid}/completion", status_code=200)
async def complete(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, task_id: FromPath[UUID]
) -> Response[Any]:
    """Say that a task is done."""
    given = await forms.texts(request, "result", "back")
    try:
        said = forms.taken({"result": given["result"]}, Completion)
        await service.complete_task(actor, task_id, said, now=clock.now())
    except Refusal as refusal:
        return await _refused(request, actor, renderer, task_id, refusal)
    return forms.go("/today" if given["back"] == "today" else f"/tasks/{task_id}", "task_done")


@post("/tasks/{task_id:uuid}/cancellation", status_code=200)
async def cancel(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, task_id: FromPath[UUID]
) -> Response[Any]:
    """Say that a task is not to be done."""
    try:
        await service.cancel_task(actor, task_id, now=clock.now())
    except Refusal as refusal:
        return await _refused(request, actor, renderer, task_id, refusal)
    return forms.go(f"/tasks/{task_id}", "task_cancelled")


@post("/tasks/{task_id:uuid}/assignment", status_code=200)
async def assign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, task_id: FromPath[UUID]
) -> Response[Any]:
    """Give a task to somebody."""
    given = await forms.texts(request, "assignee_id")
    try:
        wanted = forms.taken(given, Assignment)
        await service.assign_task(actor, task_id, wanted.assignee_id, now=clock.now())
    except Refusal as refusal:
        return await _refused(request, actor, renderer, task_id, refusal)
    return forms.go(f"/tasks/{task_id}", "task_given")


@post("/customers/{customer_id:uuid}/tasks", status_code=200)
async def add(
    request: AnyRequest, actor: CurrentActor, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Note a task on the customer's page."""
    names = ("id", "title", "due_at", "priority", "assignee_id", "is_must_do", "contact_id")
    given = await forms.texts(request, *names)
    due = given.pop("due_at")
    wanted = {
        **{name: text for name, text in given.items() if text},
        "due_at": moment_of(due, "due_at") if due else None,
        "is_must_do": given["is_must_do"] == "1",
    }
    await service.add_task(actor, customer_id, forms.taken(wanted, NewTask), now=clock.now())
    return forms.go(f"/customers/{customer_id}", "task_noted")


async def _refused(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    task_id: UUID,
    refusal: Refusal,
) -> Response[Any]:
    """Show the task again, with why something was not done."""
    wrong = forms.problem(refusal, forms.words_of(request))
    held = await queries.task(actor, task_id)
    return await _page(request, actor, renderer, held, wrong)


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, held: TaskView, wrong: Problem
) -> Response[Any]:
    """Draw the page of a task."""
    may_assign = Permission.TASKS_ASSIGN in ROLE_PERMISSIONS[actor.role]
    is_open = held.state is TaskState.OPEN
    has_to_do = may_assign or actor.user_id in (held.assignee_id, held.giver_id)
    directory = await identity.directory(actor)
    return renderer.page(
        request,
        "activities/templates/task.html",
        status=wrong.status,
        task=held,
        now=clock.now(),
        escalations=await automation.escalations(actor, held.id),
        may_finish=is_open and has_to_do,
        may_cancel=is_open and has_to_do and (may_assign or not held.is_must_do),
        may_assign=is_open and may_assign,
        wrong=wrong,
        people=directory.people,
        by_name=directory.offered(held.assignee_id),
        **await frame(request, actor),
    )
