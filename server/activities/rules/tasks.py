"""Decide what may be written of a task, and by whom."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.changelog import texts
from server.kit.errors import Conflict, Forbidden, Invalid

BULK_MAX: Final = 1_000
"""How many customers one request makes tasks for."""
_PARAGRAPHS: Final = frozenset({"detail", "result"})
_TOLD_ONCE: Final = ("done_at", "cancelled_at")
_PLANNED: Final = ("title", "due_at", "priority")
"""What a task asks for; once it is over, that stands."""
_KEPT: Final = ("title", "due_at", "cancelled_at")
"""What of a must-do task only a manager changes."""


class TaskTold(Conflict):
    """When a task was done or cancelled stands; it is not told anew."""

    code = "task_told"


class TaskOver(Conflict):
    """The task was done or cancelled, so that this cannot be done any more."""

    code = "task_over"


class NotYourTask(Forbidden):
    """A task is written by its assignee, by who gave it, and by managers."""

    code = "not_your_task"


class MustDoNeedsDue(Invalid):
    """What must be done has a time until when."""

    code = "must_do_needs_due"


class MustDoByManager(Forbidden):
    """Only managers say that something must be done."""

    code = "must_do_by_manager"


class MustDoStands(Forbidden):
    """Nobody but a manager moves, renames or cancels what must be done."""

    code = "must_do_stands"


class AssigneeUnfit(Invalid):
    """A task is given to somebody of the company who is there and sees its customer."""

    code = "assignee_unfit"


class TooManyTasks(Invalid):
    """The filter leaves more customers than one request makes tasks for."""

    code = "too_many_tasks"


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a task's fields into their stored form.

    :raises BadText: naming the field.
    """
    return texts.normal(given, paragraphs=_PARAGRAPHS)


def complete(actor: Actor, given: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Say whose task it is: whoever writes it down, until it is given to somebody else."""
    person = str(actor.user_id)
    return {
        "assignee_id": person,
        "giver_id": None if actor.user_id == UUID(int=0) else person,
        "priority": given.get("priority") or "normal",
        "is_must_do": given.get("is_must_do") or 0,
    }


def may_assign(actor: Actor) -> bool:
    """Say whether somebody gives tasks to others, and says what must be done."""
    return Permission.TASKS_ASSIGN in ROLE_PERMISSIONS[actor.role]


def allow(actor: Actor, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse whoever would write somebody else's task, or wave a must-do task away.

    :raises NotYourTask, MustDoByManager, MustDoStands: naming the field.
    """
    if may_assign(actor):
        return
    if before is None:
        if after["is_must_do"] == 1:
            raise MustDoByManager("Ask a manager for a must-do task.", field="is_must_do")
        return
    if str(actor.user_id) not in (before["assignee_id"], before["giver_id"]):
        raise NotYourTask("Only its assignee and who gave it write about this task.")
    if before["is_must_do"] == 1:
        for name in _KEPT:
            if before[name] != after[name]:
                raise MustDoStands("This must be done; ask a manager to change it.", field=name)


def check(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse what no task can be: done and cancelled, changed once it is over.

    :raises TaskTold, TaskOver, MustDoNeedsDue: naming the field.
    """
    if after["is_must_do"] == 1 and after["due_at"] is None:
        raise MustDoNeedsDue("Say until when this must be done.", field="due_at")
    if before is not None:
        for name in _TOLD_ONCE:
            if before[name] is not None and before[name] != after[name]:
                raise TaskTold("This was told before; it stands as it is.", field=name)
        if any(before[name] is not None for name in _TOLD_ONCE):
            for name in _PLANNED:
                if before[name] != after[name]:
                    raise TaskOver("This task is over; make another one.", field=name)
    if after["done_at"] is not None and after["cancelled_at"] is not None:
        is_late_word = before is not None and before["cancelled_at"] is None
        raise TaskOver(
            "A task is done or cancelled, not both.",
            field="cancelled_at" if is_late_word else "done_at",
        )
