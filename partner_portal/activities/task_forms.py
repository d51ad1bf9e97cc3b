"""Forms of tasks: change what one asks for; make the same one for each customer of a list."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.activities.moments import moment_of
from partner_portal.customers.look import Look
from partner_portal.formats import ZONE
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.activities import queries, service
from server.activities.schemas import NewTasks, TaskEdit, TaskState, TaskView
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal

_ASKED: Final = ("title", "detail", "due_at", "priority")
_WAS: Final = "was_"
"""What stood in a field when the form was drawn: what nobody touched is not written."""
_MANY: Final = ("id", *_ASKED, "assignee_id", "is_must_do")


@get("/tasks/{task_id:uuid}/edit")
async def edit_form(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, task_id: FromPath[UUID]
) -> Response[Any]:
    """Show what a task asks for, to be changed."""
    held = await _open_one(actor, task_id)
    due = held.due_at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M") if held.due_at else ""
    given = {
        "title": held.title,
        "detail": held.detail or "",
        "due_at": due,
        "priority": str(held.priority or "normal"),
    }
    given |= {_WAS + name: text for name, text in given.items()} | {"base": str(held.seq)}
    return await _edit_page(request, actor, renderer, held, given, Problem())


@post("/tasks/{task_id:uuid}/edit", status_code=200)
async def edit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, task_id: FromPath[UUID]
) -> Response[Any]:
    """Change what a task asks for; what nobody touched stays as others wrote it meanwhile."""
    held = await _open_one(actor, task_id)
    given = await forms.texts(request, *_ASKED, *(_WAS + name for name in _ASKED), "base")
    allowed = _ASKED if _may_plan(actor, held) else ("detail", "priority")
    try:
        due = given["due_at"]
        values: dict[str, Any] = {
            "title": given["title"],
            "detail": given["detail"] or None,
            "due_at": moment_of(due, "due_at") if due else None,
            "priority": given["priority"],
        }
        touched = {name: values[name] for name in allowed if given[name] != given[_WAS + name]}
        change = forms.taken({"base": forms.whole(given["base"]), **touched}, TaskEdit)
        await service.change_task(actor, task_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _edit_page(request, actor, renderer, held, given, wrong)
    return forms.go(f"/tasks/{task_id}", "task_changed")


async def _open_one(actor: Actor, task_id: UUID) -> TaskView:
    """Give a task that may still be changed.

    :raises NotFound: it is not there, or over.
    """
    held = await queries.task(actor, task_id)
    if held.state is not TaskState.OPEN:
        raise NotFound
    return held


def _may_plan(actor: Actor, held: TaskView) -> bool:
    """Say whether somebody may change a task's title and time; of must-do ones managers alone."""
    return not held.is_must_do or Permission.TASKS_ASSIGN in ROLE_PERMISSIONS[actor.role]


async def _edit_page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: TaskView,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of one task."""
    return renderer.page(
        request,
        "activities/templates/task_form.html",
        status=wrong.status,
        task=held,
        given=given,
        wrong=wrong,
        may_plan=_may_plan(actor, held),
        **await frame(request, actor),
    )


@get("/tasks/many")
async def many_form(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Ask what is to be done for each customer that the list shows."""
    ensure(actor, Permission.TASKS_ASSIGN)
    given = dict.fromkeys(_MANY, "") | {"id": str(ids.new_id(clock.now())), "priority": "normal"}
    look = Look.read(request.query_params)
    return await _many_page(request, actor, renderer, look, given, Problem())


@post("/tasks/many", status_code=200)
async def add_many(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Make the tasks; sending twice makes them once."""
    ensure(actor, Permission.TASKS_ASSIGN)
    given = await forms.texts(request, *_MANY)
    look = await Look.brought(request)
    try:
        due = given["due_at"]
        wanted = {
            **{name: text for name, text in given.items() if text},
            "due_at": moment_of(due, "due_at") if due else None,
            "is_must_do": given["is_must_do"] == "1",
            "filters": look.filters,
        }
        await service.add_tasks(actor, forms.taken(wanted, NewTasks), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _many_page(request, actor, renderer, look, given, wrong)
    return forms.go("/tasks", "tasks_made")


async def _many_page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    look: Look,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form, with how many customers it is about."""
    directory = await identity.directory(actor)
    return renderer.page(
        request,
        "activities/templates/tasks_form.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        look=look,
        customers=(await customers.summary(actor, look.filters)).customers,
        people=directory.offered(),
        **await frame(request, actor),
    )
