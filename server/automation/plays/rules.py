"""Decide what a play says, when it acts again, until when its task is due, and who gets it. Pure.

A play is one trigger and one action. Its terms are data: they are tried on the past, published as
the next version, and each thing that was done names the version that did it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, Role, Scope
from server.automation.rules import Terms as Sla
from server.customers.rules.status import Status
from server.kit import calendars
from server.kit.calendars import DAY_MINUTES, Calendar
from server.kit.errors import Conflict, Forbidden, Invalid
from server.kit.text import PRINTABLE

PLAY: Final = "play"
"""What a play is called beside its version."""
TRIAL_DAYS_MAX: Final = 180
"""How far back a trial looks, and how long signals are kept for it."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=50, pattern=PRINTABLE)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Detail = Annotated[str, msgspec.Meta(max_length=2_000, pattern=PRINTABLE)]
EventName = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
"""What a sender calls what happened: ``login``."""
Days = Annotated[int, msgspec.Meta(ge=1, le=3_650)]
DaysOrNone = Annotated[int, msgspec.Meta(ge=0, le=3_650)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=720)]


class PlayChanged(Conflict):
    """Somebody else published or switched the play in the meantime."""

    code = "play_changed"


class PlayPointless(Invalid):
    """A play that could never do anything, or would do it for ever."""

    code = "play_pointless"


class PlayAgainTooSoon(PlayPointless):
    """Silence that goes on would be told again; `at_least` are the days to wait."""

    code = "play_again_too_soon"


class PlayGivesAway(Forbidden):
    """A play that gives customers away acts on all teams, and is for who sees all of them."""

    code = "play_gives_away"


class EventComes(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="event"):
    """Somebody outside tells of something about a customer, such as a sign-in."""

    event: EventName
    silent_days: DaysOrNone = 0
    """Only where no person did anything about the customer for so long before; 0 asks nothing."""


class DateComes(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="date"):
    """A day of a record comes near."""

    field: Literal["contract_end"] = "contract_end"
    days_before: DaysOrNone = 30


class SilenceFalls(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="silence"):
    """Nobody has done anything about an owned customer for so many days."""

    days: Days


class StageSticks(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="stage"):
    """An open deal has been in one stage for so many days."""

    days: Days


Trigger = EventComes | DateComes | SilenceFalls | StageSticks


class Assignee(StrEnum):
    """Who gets the task."""

    OWNER = "owner"
    """Whoever has the customer."""
    NEWCOMER = "newcomer"
    """A rep who has been here for less than `tenure_days` and is at work, by load."""


class MakeTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="task"):
    """A task for the customer."""

    title: Title
    detail: Detail = ""
    due_hours: Hours = 24
    """Counted on worked days, each with all of its hours."""
    is_must_do: bool = True
    to: Assignee = Assignee.OWNER
    tenure_days: Days = 365
    gives_customer: bool = False
    """Whether who gets the task and does not see the customer becomes its owner.

    Without it only those are asked who see the customer.
    """


class Hearer(StrEnum):
    """Who is told."""

    OWNER = "owner"
    """Whoever has the customer."""
    MANAGER = "manager"
    """Who answers for its owner; where nobody has it, the owners of the company."""


class Tell(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tell"):
    """A word to a person."""

    sentence: Title
    to: Hearer = Hearer.OWNER


Action = MakeTask | Tell


class PlayTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a play says."""

    name: Name
    trigger: Trigger
    action: Action
    statuses: Annotated[tuple[Status, ...], msgspec.Meta(max_length=6)] = ()
    """Only customers in these states; none named means all."""
    again_days: Days = 30
    """How long nothing is done about the same customer again."""


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """That a trigger came about for a customer."""

    customer_id: UUID
    at: datetime
    key: str
    """The same for the same occurrence, whenever it is looked for."""
    customer_name: str
    owner_id: UUID | None
    team_id: UUID | None


class FiringOutcome(StrEnum):
    """What came of an occurrence."""

    TASK = "task"
    TOLD = "told"
    NOBODY = "nobody"
    """Nobody could get it; the owners of the company were told."""


class ChoiceStep(StrEnum):
    """One step of the choice of a person."""

    OWNER = "owner"
    """The customer is this person's."""
    TENURE = "tenure"
    """These have been here for too long."""
    ABSENT = "absent"
    """These are away."""
    OUT_OF_SIGHT = "out_of_sight"
    """These do not see the customer."""
    TEAM = "team"
    """These are of the customer's team."""
    LOAD = "load"
    """These have the fewest open tasks."""
    ROUND_ROBIN = "round_robin"
    """Who has waited longest for one."""
    NOBODY = "nobody"
    """Nobody is left."""
    OPTED_OUT = "opted_out"
    """Whoever it is about asked not to be called: nobody new gets the customer."""


class ChoiceReason(msgspec.Struct, frozen=True):
    """ChoiceStep a step of a choice went as it went."""

    code: ChoiceStep
    values: Mapping[str, Any] = {}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the company who may get a task."""

    id: UUID
    team_id: UUID | None
    is_rep: bool
    sees_all: bool
    sees_team: bool
    since: datetime
    """The first day here."""
    open_tasks: int
    last_given_at: datetime | None
    is_absent: bool

    def sees(self, found: Occurrence) -> bool:
        """Say whether the customer is within sight; `server.customers.sight` for somebody else."""
        is_of_team = self.sees_team and self.team_id is not None and self.team_id == found.team_id
        return self.sees_all or found.owner_id == self.id or is_of_team


class Choice(msgspec.Struct, frozen=True):
    """Who gets a task, or nobody, and why, step by step."""

    person: Person | None
    reasons: tuple[ChoiceReason, ...]


def ensure_sound(terms: PlayTerms) -> None:
    """Refuse terms that ask for nobody or for nothing.

    :raises PlayPointless: naming the field.
    """
    action = terms.action
    if isinstance(action, MakeTask) and action.gives_customer and action.to is Assignee.OWNER:
        raise PlayPointless(
            "Its owner has the customer already; choose another assignee.",
            field="action.gives_customer",
        )
    if isinstance(terms.trigger, SilenceFalls) and terms.again_days < terms.trigger.days:
        raise PlayAgainTooSoon(
            "Silence that goes on is told once; wait at least as long before the next time.",
            field="again_days",
            at_least=terms.trigger.days,
        )


def gives_customer(terms: PlayTerms) -> bool:
    """Say whether customers change hands by a rule."""
    return isinstance(terms.action, MakeTask) and terms.action.gives_customer


def is_answered_for(terms: PlayTerms, role: Role | None, scope: Scope | None) -> bool:
    """Say whether who let a rule act might do so today.

    :param role: as what the person works here now; None for somebody who left.
    """
    if not gives_customer(terms):
        return True
    allowed = ROLE_PERMISSIONS[role] if role else frozenset()
    return scope is Scope.TENANT and Permission.AUTOMATION_MANAGE in allowed


def ensure_may_rule(actor: Actor, *said: PlayTerms) -> None:
    """Refuse to let customers change hands by a rule to who does not see the whole company.

    A play acts on customers of all teams, and one of another team would come into sight.

    :raises PlayGivesAway: naming the field.
    """
    if actor.scope is not Scope.TENANT and any(map(gives_customer, said)):
        raise PlayGivesAway(
            "This rule hands over customers of all teams; ask who sees the whole company.",
            field="action.gives_customer",
        )


def spaced(
    found: Iterable[Occurrence], last: Mapping[UUID, datetime], again: timedelta
) -> list[Occurrence]:
    """Leave out what came too soon after the last time for the same customer.

    :param found: in the order of time.
    :param last: by customer, when something was done about it.
    """
    done, kept = dict(last), []
    for each in found:
        before = done.get(each.customer_id)
        if before is None or each.at >= before + again:
            kept.append(each)
            done[each.customer_id] = each.at
    return kept


def due_at(action: MakeTask, sla: Sla, now: datetime) -> datetime:
    """Say until when a task is due: hours pass on worked days alone, day and night."""
    days = Calendar(
        opens_minute=0,
        closes_minute=DAY_MINUTES,
        weekdays=frozenset(sla.weekdays),
        keeps_holidays=sla.keeps_holidays,
    )
    return calendars.after(days, now, timedelta(hours=action.due_hours))


def choose(action: MakeTask, found: Occurrence, people: Sequence[Person], now: datetime) -> Choice:
    """Find who gets the task of an occurrence."""
    if action.to is Assignee.OWNER:
        owner = next((each for each in people if each.id == found.owner_id), None)
        return Choice(owner, (ChoiceReason(ChoiceStep.OWNER if owner else ChoiceStep.NOBODY),))
    reasons: list[ChoiceReason] = []
    newest = now - timedelta(days=action.tenure_days)
    left = [each for each in people if each.is_rep]
    left = _without(left, lambda each: each.since <= newest, ChoiceStep.TENURE, reasons)
    left = _without(left, lambda each: each.is_absent, ChoiceStep.ABSENT, reasons)
    if not action.gives_customer:
        left = _without(left, lambda each: not each.sees(found), ChoiceStep.OUT_OF_SIGHT, reasons)
    if not left:
        return Choice(None, (*reasons, ChoiceReason(ChoiceStep.NOBODY)))
    near = [each for each in left if found.team_id is not None and each.team_id == found.team_id]
    if near:
        reasons.append(ChoiceReason(ChoiceStep.TEAM, {"people": _named(near)}))
    return _least_busy(near or left, reasons)


def _least_busy(left: Sequence[Person], reasons: list[ChoiceReason]) -> Choice:
    """Choose by load, then by who has waited longest."""
    least = min(each.open_tasks for each in left)
    idle = [each for each in left if each.open_tasks == least]
    reasons.append(ChoiceReason(ChoiceStep.LOAD, {"open_tasks": least, "people": _named(idle)}))
    chosen = min(idle, key=lambda each: (each.last_given_at or _NEVER, each.id))
    if len(idle) > 1:
        reasons.append(ChoiceReason(ChoiceStep.ROUND_ROBIN, {"person": str(chosen.id)}))
    return Choice(chosen, tuple(reasons))


def _without(
    people: Sequence[Person],
    is_out: Callable[[Person], bool],
    why: ChoiceStep,
    reasons: list[ChoiceReason],
) -> list[Person]:
    """Leave people out, and say whom."""
    out = [each for each in people if is_out(each)]
    if out:
        reasons.append(ChoiceReason(why, {"people": _named(out)}))
    return [each for each in people if each not in out]


def _named(people: Iterable[Person]) -> list[str]:
    """Name people by their ids."""
    return [str(each.id) for each in people]
