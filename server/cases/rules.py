"""Decide about service cases: when they are due, and what may become of them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.changelog import texts
from server.kit import calendars
from server.kit.calendars import Calendar
from server.kit.errors import Conflict, Forbidden, Invalid
from sync_protocol.serving import LEADS, LIVE, State, Verb, is_possible


class CaseMoved(Conflict):
    """What was asked does not lead on from where the case stands."""

    code = "case_moved"


class CaseUnexplained(Invalid):
    """Nobody is helped without a word of how."""

    code = "case_unexplained"


class NotYoursToAssign(Forbidden):
    """Managers give cases to others; anybody takes one."""

    code = "case_not_yours_to_assign"


class TargetsUnfit(Invalid):
    """A case is answered before it is resolved, and what is graver is helped no later."""

    code = "case_targets_unfit"


class TargetsChanged(Conflict):
    """Somebody else has set the targets meanwhile."""

    code = "case_targets_changed"


SEVERITIES: Final = ("critical", "high", "normal", "low")
"""The gravest first."""
Minutes = Annotated[int, msgspec.Meta(ge=1, le=60 * 9 * 130)]
"""Of work; at most half a year of it."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How soon a case is answered and resolved, in minutes of working time."""

    answer_minutes: Minutes
    resolve_minutes: Minutes


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """The company's targets, severity by severity; a working day has nine hours."""

    critical: Target = Target(answer_minutes=30, resolve_minutes=4 * 60)
    high: Target = Target(answer_minutes=60, resolve_minutes=9 * 60)
    normal: Target = Target(answer_minutes=4 * 60, resolve_minutes=3 * 9 * 60)
    low: Target = Target(answer_minutes=9 * 60, resolve_minutes=5 * 9 * 60)

    def of(self, severity: str | None) -> Target:
        """Give the target of a severity."""
        target: Target = getattr(self, severity or "normal")
        return target


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Targets from a moment on."""

    version: int
    """0 is what holds where nobody has set any."""
    valid_from: datetime | None
    targets: Targets


BUILT_IN: Final = Version(version=0, valid_from=None, targets=Targets())


def in_force(versions: Sequence[Version], at: datetime) -> Version:
    """Give the version that held at a moment: the last one that had begun by then.

    :param versions: in their order.
    """
    begun = [each for each in versions if each.valid_from is not None and each.valid_from <= at]
    return begun[-1] if begun else BUILT_IN


def ensure_targets(targets: Targets) -> None:
    """Refuse targets that nobody can mean.

    :raises TargetsUnfit: naming the field.
    """
    graver: Target | None = None
    for severity in SEVERITIES:
        target = targets.of(severity)
        if target.resolve_minutes < target.answer_minutes:
            raise TargetsUnfit(
                "A case is answered before it is resolved.",
                field=f"targets.{severity}.resolve_minutes",
            )
        for name in ("answer_minutes", "resolve_minutes"):
            if graver is not None and getattr(target, name) < getattr(graver, name):
                raise TargetsUnfit(
                    "What is graver is helped no later than what is less so.",
                    field=f"targets.{severity}.{name}",
                )
        graver = target


class Dues(msgspec.Struct, frozen=True):
    """Until when a case is to be answered and resolved."""

    answer: datetime
    resolve: datetime


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a case's fields into their stored form.

    :raises BadText: naming the field.
    """
    return texts.normal(given, paragraphs=frozenset({"detail"}))


def complete(actor: Actor, given: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Let a new case be open, and in the hands of whoever notes it down."""
    person = str(actor.user_id)
    return {
        "state": str(State.OPEN),
        "state_since": at_ms,
        "opened_at": at_ms,
        "opened_by": person,
        "assignee_id": person,
        "severity": given["severity"] or "normal",
        "category": given["category"] or "other",
        "waited_ms": 0,
    }


def follow(actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Say what follows from an edit: by another severity it is due at other times."""
    del actor
    if before["severity"] == after["severity"]:
        return {}
    # Counted anew by a job, which knows the calendar.
    return {"answer_due_at": None, "resolve_due_at": None}


def dues(calendar: Calendar, target: Target, opened_at: datetime, waited: timedelta) -> Dues:
    """Say until when a case is due; the time that the customer took counts for nothing.

    :raises NeverOpen: by this calendar nothing is ever worked.
    """
    answer = timedelta(minutes=target.answer_minutes)
    resolve = timedelta(minutes=target.resolve_minutes) + waited
    return Dues(
        answer=calendars.after(calendar, opened_at, answer),
        resolve=calendars.after(calendar, opened_at, resolve),
    )


def ensure_possible(verb: Verb, state: State) -> None:
    """Refuse what does not lead on.

    :raises CaseMoved: naming where the case stands.
    """
    if not is_possible(verb, state):
        raise CaseMoved(
            f"This case is {state}; look at it and decide again.", field="verb", state=str(state)
        )


def ensure_explained(verb: Verb, text: str | None) -> None:
    """Refuse to resolve or reopen a case without a word.

    :raises CaseUnexplained: naming the field.
    """
    if verb in {Verb.RESOLVE, Verb.REOPEN} and not (text and text.strip()):
        raise CaseUnexplained("Say how it was helped, or what is still wrong.", field="text")


def ensure_may_assign(actor: Actor, assignee_id: str) -> None:
    """Refuse to give a case to somebody else without the right to.

    :raises NotYoursToAssign: anybody may take it.
    """
    is_manager = Permission.TASKS_ASSIGN in ROLE_PERMISSIONS[actor.role]
    if not is_manager and assignee_id != str(actor.user_id):
        raise NotYoursToAssign("Ask a manager to give this case to somebody else.")


def outcome(verb: Verb) -> State:
    """Say where a case stands afterwards."""
    return LEADS[verb][1]


def is_late(due_at: datetime | None, done_at: datetime | None, state: str, now: datetime) -> bool:
    """Say whether something should have been done by now and was not, or was done too late.

    While the customer is to answer, nothing becomes late.
    """
    if due_at is None:
        return False
    if done_at is not None:
        return done_at > due_at
    return state in LIVE and state != State.WAITING and due_at < now
