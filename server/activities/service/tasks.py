"""Make tasks, one or many, change and finish them, and give them to others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, Role, ensure, of_the_product
from server.activities import queries
from server.activities.kinds import BY_NAME
from server.activities.rules import tasks as rules
from server.activities.schemas import (
    Completion,
    NewTask,
    NewTasks,
    TaskEdit,
    TasksMade,
    TaskState,
    TaskTerms,
    TaskView,
)
from server.activities.service.told import as_it_travels
from server.changelog import facts, storage
from server.changelog import service as changelog
from server.customers import queries as customers
from server.kit import clock, db, ids
from server.notifications import service as notifications
from server.notifications.rules import Kind
from sync_protocol.messages import Create, Edit

_KIND: Final = "task"
_TOLD: Final = (
    "title",
    "detail",
    "due_at",
    "priority",
    "done_at",
    "cancelled_at",
    "result",
    "contact_id",
)
# Whom a person sees is said in `server.customers.sight`; this is the same, for somebody else.
_BLIND: Final = """
SELECT FROM UNNEST($2::uuid[], $3::uuid[]) AS wanted(customer_id, user_id)
LEFT JOIN user_account u
    ON u.tenant_id = $1 AND u.id = wanted.user_id AND u.disabled_at IS NULL AND u.role <> 'analyst'
LEFT JOIN customer c ON c.tenant_id = $1 AND c.id = wanted.customer_id
WHERE (u.scope = 'tenant' OR c.owner_id = u.id OR (u.scope = 'team' AND c.team_id = u.team_id))
    IS NOT TRUE
LIMIT 1
"""


class WantedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to be made in the open transaction, for rooms above too."""

    id: UUID
    customer_id: UUID
    assignee_id: UUID
    title: str
    detail: str | None = None
    due_at: datetime | None = None
    priority: str = "normal"
    is_must_do: bool = False
    contact_id: UUID | None = None
    rule: tuple[UUID, int] | None = None
    """The rule that makes it, and its version."""


async def add_task(actor: Actor, customer_id: UUID, new: NewTask, *, now: datetime) -> TaskView:
    """Make a task for a customer: one's own, or somebody else's.

    The same id and content is answered the same, however often it comes.

    :raises AssigneeUnfit: the assignee is not there, or does not see the customer.
    :raises MustDoByManager, NotPermitted: for what managers alone do.
    """
    task_id, assignee = new.id or ids.new_id(now), new.assignee_id or actor.user_id
    if assignee != actor.user_id:
        ensure(actor, Permission.TASKS_ASSIGN)
    async with db.tenant_transaction(actor.tenant_id):
        await customers.one(actor, customer_id)
        wanted = _wanted(new, task_id, customer_id, assignee, new.contact_id)
        await make_tasks(actor, [wanted], now=now)
        held = await queries.task(actor, task_id)
        await _tell(actor, held, now=now)
    return held


async def add_tasks(actor: Actor, new: NewTasks, *, now: datetime) -> TasksMade:
    """Make the same task for each customer that a filter leaves; sent again it makes no more.

    :raises TooManyTasks: naming the bound.
    :raises AssigneeUnfit: the assignee does not see all of them.
    """
    ensure(actor, Permission.TASKS_ASSIGN)
    batch_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        chosen = await customers.chosen(actor, new.filters, limit=rules.BULK_MAX + 1)
        if len(chosen) > rules.BULK_MAX:
            raise rules.TooManyTasks(
                f"Narrow the filter to {rules.BULK_MAX} customers at most.", field="filters"
            )
        wanted = [
            _wanted(
                new,
                uuid5(batch_id, each.id.hex),
                each.id,
                new.assignee_id or each.owner_id or actor.user_id,
            )
            for each in chosen
        ]
        await make_tasks(actor, wanted, now=now)
        people = {each.assignee_id for each in wanted}
        await notifications.tell(
            actor.tenant_id,
            people - {actor.user_id},
            Kind.TASK_GIVEN,
            key=f"{Kind.TASK_GIVEN}:{batch_id}",
            subject=new.title,
            page="/tasks",
            now=now,
        )
    return TasksMade(len(wanted), len(people))


def _wanted(
    new: TaskTerms,
    task_id: UUID,
    customer_id: UUID,
    assignee_id: UUID,
    contact_id: UUID | None = None,
) -> WantedTask:
    """Say what is asked for, for one customer."""
    return WantedTask(
        id=task_id,
        customer_id=customer_id,
        assignee_id=assignee_id,
        title=new.title,
        detail=new.detail,
        due_at=new.due_at,
        priority=new.priority,
        is_must_do=new.is_must_do,
        contact_id=contact_id,
    )


async def make_tasks(actor: Actor, wanted: Sequence[WantedTask], *, now: datetime) -> None:
    """Make tasks, in the open transaction; the number of statements does not grow with them.

    :raises AssigneeUnfit: an assignee is not there, or does not see the customer.
    """
    if not wanted:
        return
    await ensure_seen(actor.tenant_id, {each.customer_id: each.assignee_id for each in wanted})
    ops = [
        Create(
            number=number,
            kind=_KIND,
            id=str(each.id),
            fields={name: value for name, value in _fields(each).items() if value is not None},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )
        for number, each in enumerate(wanted, 1)
    ]
    made = await changelog.write(actor, ops, kinds=BY_NAME, now=now)
    # What came before may have been given to somebody else since.
    others = {
        (_KIND, str(each.id)): _known(each)
        for each in wanted
        if (_KIND, str(each.id)) in made.result.records
        and (each.assignee_id != actor.user_id or each.rule)
    }
    if others:
        await facts.note(actor, others, kinds=BY_NAME, now=now)


def _fields(wanted: WantedTask) -> dict[str, Any]:
    """Write what a device could have written too, as it travels."""
    return {
        "customer_id": str(wanted.customer_id),
        "title": wanted.title,
        "detail": wanted.detail,
        "due_at": None if wanted.due_at is None else clock.to_ms(wanted.due_at),
        "priority": str(wanted.priority),
        "is_must_do": int(wanted.is_must_do),
        "contact_id": as_it_travels(wanted.contact_id),
    }


def _known(wanted: WantedTask) -> dict[str, Any]:
    """Write what the server alone says of a task."""
    known: dict[str, Any] = {"assignee_id": str(wanted.assignee_id)}
    if wanted.rule is not None:
        known["rule_id"], known["rule_version"] = str(wanted.rule[0]), wanted.rule[1]
    return known


async def ensure_seen(
    tenant_id: UUID, assignees: Mapping[UUID, UUID], *, field: str = "assignee_id"
) -> None:
    """Refuse an assignee who could not look at the customer.

    :raises AssigneeUnfit: naming the field.
    """
    blind = await db.connection().fetchrow(
        _BLIND, tenant_id, list(assignees), list(assignees.values())
    )
    if blind is not None:
        raise rules.AssigneeUnfit(
            "Give it to somebody of the company who sees the customer.", field=field
        )


async def change_task(actor: Actor, task_id: UUID, change: TaskEdit, *, now: datetime) -> TaskView:
    """Change what a task asks for, cancel it, or write what came of it.

    :raises NotYourTask, MustDoStands, TaskTold, TaskOver: naming the field.
    """
    touched = {name: getattr(change, name) for name in _TOLD}
    op = Edit(
        number=1,
        kind=_KIND,
        id=str(task_id),
        fields={
            name: as_it_travels(value) for name, value in touched.items() if value is not UNSET
        },
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        await changelog.write(actor, [op], kinds=BY_NAME, now=now)
        return await queries.task(actor, task_id)


async def complete_task(
    actor: Actor, task_id: UUID, said: Completion, *, now: datetime
) -> TaskView:
    """Say that a task is done, and what came of it; again only adds to what came of it."""
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, task_id)
        is_done = held.state is TaskState.DONE
        if is_done and said.result in ("", held.result):
            return held
        change = TaskEdit(done_at=UNSET if is_done else now, result=said.result or UNSET)
        return await change_task(actor, task_id, change, now=now)


async def cancel_task(actor: Actor, task_id: UUID, *, now: datetime) -> TaskView:
    """Say that a task is not to be done; again changes nothing.

    :raises MustDoStands: only a manager may.
    """
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, task_id)
        if held.state is TaskState.CANCELLED:
            return held
        return await change_task(actor, task_id, TaskEdit(cancelled_at=now), now=now)


async def assign_task(actor: Actor, task_id: UUID, assignee_id: UUID, *, now: datetime) -> TaskView:
    """Give a task to somebody who sees its customer, and tell them; again changes nothing.

    :raises AssigneeUnfit: the person is not there, or does not see the customer.
    :raises TaskOver: it was done or cancelled.
    """
    ensure(actor, Permission.TASKS_ASSIGN)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _hold(actor, task_id)
        if held.assignee_id == assignee_id:
            return held
        if held.state is not TaskState.OPEN:
            raise rules.TaskOver("This task is over; make another one.", field="task_id")
        await ensure_seen(actor.tenant_id, {held.customer_id: assignee_id})
        told = {"assignee_id": str(assignee_id)}
        await facts.note(actor, {(_KIND, str(task_id)): told}, kinds=BY_NAME, now=now)
        held = await queries.task(actor, task_id)
        await _tell(actor, held, now=now)
    return held


async def _hold(actor: Actor, task_id: UUID) -> TaskView:
    """Lock a task, so that whoever does something with it at the same moment is waited for.

    :raises NotFound: it is not there, or out of sight.
    """
    await storage.load(actor, BY_NAME, [(_KIND, str(task_id))])
    return await queries.task(actor, task_id)


async def _tell(actor: Actor, held: TaskView, *, now: datetime) -> None:
    """Tell who was given a task by somebody else, in the open transaction."""
    if held.assignee_id != actor.user_id:
        await notifications.tell(
            actor.tenant_id,
            [held.assignee_id],
            Kind.TASK_GIVEN,
            key=f"{Kind.TASK_GIVEN}:{held.id}:{held.seq}",
            subject=held.title,
            page="/tasks",
            subject_id=held.id,
            now=now,
        )


async def note_escalations(
    tenant_id: UUID, steps: Mapping[UUID, str | None], *, now: datetime
) -> None:
    """Note how far word of tasks has gone, in the open transaction or one of its own."""
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    known = {(_KIND, str(task_id)): {"escalation": step} for task_id, step in steps.items()}
    await facts.note(product, known, kinds=BY_NAME, now=now)
