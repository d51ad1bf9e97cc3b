"""What activities are over HTTP and to the portal: views that are given, records that are taken."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.activities.rules.trust import Sign
from server.activities.rules.visits import Appeal
from server.customers.schemas import Filters
from server.kit.text import PRINTABLE
from sync_protocol.schema import MAX_CALL_S, MAX_FIX_AGE_S

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Step = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Summary = Annotated[str, msgspec.Meta(max_length=5_000, pattern=PRINTABLE)]
Latitude = Annotated[int, msgspec.Meta(ge=-90_000_000, le=90_000_000)]
Longitude = Annotated[int, msgspec.Meta(ge=-180_000_000, le=180_000_000)]
Metres = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Age = Annotated[int, msgspec.Meta(ge=0, le=MAX_FIX_AGE_S)]
YesOrNo = Annotated[int, msgspec.Meta(ge=0, le=1)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class VisitState(StrEnum):
    """How far a visit has come."""

    PLANNED = "planned"
    OPEN = "open"
    """Checked in, not out."""
    DONE = "done"
    CANCELLED = "cancelled"


class VisitFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor tells. A field that is left out stays; what was checked in is told once."""

    planned_at: Moment | UnsetType | None = UNSET
    purpose: Line | UnsetType | None = UNSET
    checked_in_at: Moment | UnsetType = UNSET
    lat: Latitude | UnsetType | None = UNSET
    """Millionths of a degree, like `lng`."""
    lng: Longitude | UnsetType | None = UNSET
    accuracy_m: Metres | UnsetType | None = UNSET
    fix_age_s: Age | UnsetType | None = UNSET
    is_mocked: YesOrNo | UnsetType | None = UNSET
    """1 when the system of the device says that the position is invented."""
    checked_out_at: Moment | UnsetType = UNSET
    cancelled_at: Moment | UnsetType = UNSET
    summary: Summary | UnsetType | None = UNSET
    next_step: Step | UnsetType | None = UNSET
    contact_id: UUID | UnsetType | None = UNSET
    """With whom of the customer's people."""


class NewVisit(VisitFields, frozen=True, kw_only=True):
    """A visit to be: planned, or with its check-in. With its own `id` it may be sent again."""

    id: UUID | None = None
    store_id: UUID | None = None


class VisitEdit(VisitFields, frozen=True, kw_only=True):
    """What is told of a visit later."""

    base: Seq | None = None
    """The sequence at which the visit was seen; whatever stands now, where none is said."""


class NewAppeal(msgspec.Struct, frozen=True):
    """What a visitor says to the score of a visit."""

    appeal: Sentence


class Decision(msgspec.Struct, frozen=True):
    """What a manager says to an appeal."""

    decision: Literal["upheld", "rejected"]


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """One sign that something is odd, what it cost of a hundred, and what was measured."""

    code: Sign
    cost: int
    measured: int | None = None
    """Metres, seconds or metres a second."""


class VisitView(msgspec.Struct, frozen=True, kw_only=True):
    """A visit, and how far it is trusted."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    store_id: UUID | None
    visitor_id: UUID
    planned_at: datetime | None
    purpose: str | None
    checked_in_at: datetime | None
    lat: int | None
    lng: int | None
    accuracy_m: int | None
    fix_age_s: int | None
    is_mocked: int | None
    checked_out_at: datetime | None
    cancelled_at: datetime | None
    summary: str | None
    next_step: str | None
    trust_score: int | None
    trust_reasons: list[ReasonView]
    appeal: str | None
    appeal_state: Appeal | None
    decided_by: UUID | None
    contact_id: UUID | None

    @property
    def state(self) -> VisitState:
        """Say how far it has come."""
        if self.cancelled_at is not None:
            return VisitState.CANCELLED
        if self.checked_in_at is None:
            return VisitState.PLANNED
        return VisitState.OPEN if self.checked_out_at is None else VisitState.DONE

    def is_late(self, now: datetime) -> bool:
        """Say whether it should have begun."""
        is_planned = self.state is VisitState.PLANNED
        return is_planned and self.planned_at is not None and self.planned_at < now


class VisitFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the visits to customers within sight."""

    customer_id: UUID | None = None
    visitor_id: UUID | None = None
    state: VisitState | None = None
    is_doubted: bool = False
    """Only those whose score is low and which no manager has upheld."""
    is_appealed: bool = False
    """Only those whose appeal waits."""


class TaskState(StrEnum):
    """How far a task has come."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """What comes first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Escalation(StrEnum):
    """How far word of a must-do task has gone."""

    WARNED = "warned"
    """To its assignee, shortly before its time."""
    MANAGER = "manager"
    """To who answers for the assignee, once it was late."""
    OWNER = "owner"
    """To the owners of the company."""


class TaskTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a task asks for. With its own `id` it may be sent again."""

    id: UUID | None = None
    title: Title
    detail: Summary | None = None
    due_at: Moment | None = None
    priority: Priority = Priority.NORMAL
    is_must_do: bool = False
    """Whether word goes up when it is late; only managers say so."""
    assignee_id: UUID | None = None
    """Oneself, where nobody is named."""


class NewTask(TaskTerms, frozen=True, kw_only=True):
    """A task to be."""

    contact_id: UUID | None = None
    """With whom of the customer's people."""


class NewTasks(TaskTerms, frozen=True, kw_only=True):
    """The same task for each of many customers. `id` makes it the same when it is sent again.

    Where no assignee is named, each customer's owner is.
    """

    filters: Filters


class TasksMade(msgspec.Struct, frozen=True):
    """How many customers tasks were made for, and how many people got some."""

    tasks: int
    people: int


class TaskEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What is changed about a task. A field that is left out stays."""

    base: Seq | None = None
    """The sequence at which the task was seen; whatever stands now, where none is said."""
    title: Title | UnsetType = UNSET
    detail: Summary | UnsetType | None = UNSET
    due_at: Moment | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    done_at: Moment | UnsetType = UNSET
    cancelled_at: Moment | UnsetType = UNSET
    result: Summary | UnsetType | None = UNSET
    contact_id: UUID | UnsetType | None = UNSET


class Completion(msgspec.Struct, frozen=True):
    """That a task is done, and what came of it."""

    result: Summary = ""


class Assignment(msgspec.Struct, frozen=True):
    """To whom a task is given."""

    assignee_id: UUID


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """A task."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    title: str
    detail: str | None
    due_at: datetime | None
    priority: Priority | None
    is_must_do: bool
    done_at: datetime | None
    cancelled_at: datetime | None
    result: str | None
    assignee_id: UUID
    giver_id: UUID | None
    rule_id: UUID | None
    """The rule that made it, with `rule_version`."""
    rule_version: int | None
    escalation: Escalation | None
    contact_id: UUID | None

    @property
    def state(self) -> TaskState:
        """Say how far it has come."""
        if self.cancelled_at is not None:
            return TaskState.CANCELLED
        return TaskState.OPEN if self.done_at is None else TaskState.DONE

    def is_overdue(self, now: datetime) -> bool:
        """Say whether it is open behind its time."""
        return self.state is TaskState.OPEN and self.due_at is not None and self.due_at < now


class TaskFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the tasks for customers within sight."""

    customer_id: UUID | None = None
    assignee_id: UUID | None = None
    state: TaskState | None = None
    is_must_do: bool = False
    """Only what must be done."""
    due_before: datetime | None = None
    """Only what is due before a moment; with `state` open and now, what is overdue."""


class CallOutcome(StrEnum):
    """What came of a call."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    WRONG_NUMBER = "wrong_number"
    REFUSED = "refused"
    """The person did not want to talk."""
    OPTED_OUT = "opted_out"
    """The person asked not to be called again; no company of the channel may call then."""


class CallDirection(StrEnum):
    """Who called."""

    OUT = "out"
    """Somebody of the company."""
    IN = "in"
    """The customer."""


CallSeconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_CALL_S)]


class NewCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that took place, or was tried. With its own `id` it may be sent again."""

    id: UUID | None = None
    contact_id: UUID | None = None
    direction: CallDirection = CallDirection.OUT
    called_at: Moment | None = None
    """Now, where none is said."""
    outcome: CallOutcome
    duration_s: CallSeconds | None = None
    note: Summary | None = None


class CallEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a call later. A field that is left out stays."""

    base: Seq | None = None
    """The sequence at which the call was seen; whatever stands now, where none is said."""
    outcome: CallOutcome | UnsetType = UNSET
    duration_s: CallSeconds | UnsetType | None = UNSET
    note: Summary | UnsetType | None = UNSET


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    contact_id: UUID | None
    caller_id: UUID
    direction: CallDirection
    called_at: datetime
    outcome: CallOutcome
    duration_s: int | None
    note: str | None


class Dialling(msgspec.Struct, frozen=True, kw_only=True):
    """Whom somebody wants to call: a contact, or else the customer's own phone."""

    contact_id: UUID | None = None


class Dialled(msgspec.Struct, frozen=True):
    """The phone to dial (E.164); nobody has asked not to be called there."""

    phone: str
