"""Service cases over HTTP and to the portal: views that are given, what is taken."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.cases.rules import Targets, Version
from server.kit.text import PRINTABLE
from sync_protocol.serving import State, Verb

Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Detail = Annotated[str, msgspec.Meta(max_length=5000, pattern=PRINTABLE)]
Text = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
Comment = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=PRINTABLE)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Severity = Literal["low", "normal", "high", "critical"]
Category = Literal["complaint", "fault", "question", "request", "other"]


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Something of which a customer complains, or for which it asks."""

    id: UUID
    seq: int
    number: str
    """The end of its id, for people."""
    customer_id: UUID
    customer_name: str
    subject: str
    detail: str | None
    severity: str
    category: str
    assignee_id: UUID
    state: str
    state_since: datetime
    opened_at: datetime
    opened_by: UUID
    answer_due_at: datetime | None
    """By the company's working time; none for a moment after the case came."""
    answered_at: datetime | None
    is_answer_late: bool
    resolve_due_at: datetime | None
    """Moves on by as much as the customer takes to answer."""
    resolved_at: datetime | None
    is_resolve_late: bool
    result: str | None
    """How it was helped."""


class CaseEventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done or said about a case."""

    id: UUID
    case_id: UUID
    verb: str
    state: str
    text: str | None
    done_by: UUID
    done_at: datetime


class CaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A case with what was done and said about it, the newest first."""

    case: CaseView
    events: list[CaseEventView]


class NewCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case to be noted down."""

    customer_id: UUID
    subject: Subject
    id: UUID | None = None
    detail: Detail | None = None
    severity: Severity = "normal"
    category: Category = "other"


class CaseEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different. By another severity it is due at other times."""

    subject: Subject | UnsetType = UNSET
    detail: Detail | UnsetType | None = UNSET
    severity: Severity | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    base: Seq | None = None
    """The sequence at which the case was seen; what stands now without."""


class Decide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something is to be done with a case."""

    verb: Verb
    id: UUID | None = None
    """Of the event, made by the asker: asked again it is done once."""
    text: Text | None = None
    """Needed to resolve and to reopen."""


class NewComment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something is said about a case; the first word of ours answers it."""

    text: Comment
    id: UUID | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who helps from now on."""

    assignee_id: UUID


class CaseFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the cases within sight."""

    state: State | None = None
    is_live: bool = False
    """Not helped yet."""
    is_late: bool = False
    """Should have been answered or resolved by now."""
    severity: Severity | None = None
    assignee_id: UUID | None = None
    customer_id: UUID | None = None
    q: Annotated[str, msgspec.Meta(max_length=100, pattern=PRINTABLE)] | None = None
    """Stands in the subject or the customer's name."""


class TargetsView(msgspec.Struct, frozen=True, kw_only=True):
    """By when cases are to be answered and resolved."""

    current: Version
    latest: int
    """The last version; what is set next names it as its base."""
    versions: list[Version]
    """The newest first; a case keeps the one that held when it was opened."""


class SetTargets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By when later cases are to be answered and resolved."""

    targets: Targets
    base: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    """The last version that was looked at."""
    valid_from: Day | None = None
    """The day from whose beginning in Shanghai they hold; at once without."""
