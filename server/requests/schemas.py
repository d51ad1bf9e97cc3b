"""Requests for help over HTTP and to the pages: views that are given, what is taken."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.kit.text import PRINTABLE
from sync_protocol.helping import Party, State, Verb

Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Detail = Annotated[str, msgspec.Meta(max_length=5000, pattern=PRINTABLE)]
Briefing = Annotated[str, msgspec.Meta(max_length=1000, pattern=PRINTABLE)]
Text = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Resource = Literal["executive", "expert", "sample_test", "other"]
Verdict = Literal["helped", "partly", "missed"]


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """Help that somebody in the field called up, and what came of it."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    opportunity_id: UUID | None
    opportunity_name: str | None
    resource: str
    subject: str
    detail: str | None
    wished_on: str | None
    briefing: str | None
    """What the platform is told, should it be sent there; nobody there reads anything else."""
    state: str
    state_since: datetime
    requested_at: datetime
    requested_by: UUID
    party: str | None
    helper_id: UUID | None
    dispatch_id: UUID | None
    dispatched_at: datetime | None
    accepted_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None
    """When the next step should be done, in the company's working time."""
    is_late: bool
    reason: str | None
    result: str | None
    verdict: str | None


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done with a request."""

    id: UUID
    request_id: UUID
    verb: str
    state: str
    party: str
    """Of which side who did it is."""
    text: str | None
    done_by: UUID
    done_at: datetime


class PlatformRequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the platform sees it: whole, so that the agent can be shown just this."""

    id: UUID
    agent_id: UUID
    resource: str
    briefing: str
    wished_on: str | None
    level: str | None
    city: str | None
    stage: str | None
    state: str
    sent_at: datetime
    accepted_at: datetime | None
    closed_at: datetime | None
    text: str | None
    """Why it was declined, or what came of it."""
    verdict: str | None


class RequestDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A request with what was done with it, the newest first, and what the platform sees of it."""

    request: RequestView
    events: list[EventView]
    sent: list[PlatformRequestView]
    """Empty when it never went to the platform."""
    verbs: list[Verb]
    """What the one who looks may do with it now; what leads on comes first."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How requests for one resource went; medians in hours, null where nothing was measured."""

    resource: str | None
    """Null stands for all."""
    asked: int
    live: int
    done: int
    declined: int
    answer_hours: float | None
    """From dispatch to yes."""
    cycle_hours: float | None
    """From asking to the result."""
    judged: int
    helped: int
    """Of those judged."""

    @property
    def hit_rate(self) -> float | None:
        """Give the share of judged results that helped."""
        return self.helped / self.judged if self.judged else None


class NewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Help to be called up."""

    customer_id: UUID
    subject: Subject
    id: UUID | None = None
    opportunity_id: UUID | None = None
    resource: Resource = "other"
    detail: Detail | None = None
    wished_on: Day | None = None
    briefing: Briefing | None = None
    """The platform reads this, should the request be sent there."""


class RequestEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different."""

    subject: Subject | UnsetType = UNSET
    resource: Resource | UnsetType = UNSET
    detail: Detail | UnsetType | None = UNSET
    wished_on: Day | UnsetType | None = UNSET
    briefing: Briefing | UnsetType | None = UNSET
    base: Seq | None = None
    """The sequence at which the request was seen; what stands now without."""


class Decide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something is to be done with a request by somebody of the company."""

    verb: Verb
    id: UUID | None = None
    """Of the event, made by the asker: asked again it is done once."""
    text: Text | None = None
    """Needed to decline and to complete."""
    helper_id: UUID | None = None
    """Dispatch to somebody of the company; without one the request goes to the platform."""
    verdict: Verdict | None = None
    """Needed to judge."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something is to be done with a request by the platform."""

    verb: Literal["accept", "decline", "complete"]
    id: UUID | None = None
    text: Text | None = None


class RequestFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the requests within sight."""

    state: State | None = None
    is_live: bool = False
    is_late: bool = False
    resource: Resource | None = None
    party: Party | None = None
    requested_by: UUID | None = None
    helper_id: UUID | None = None
    customer_id: UUID | None = None
    opportunity_id: UUID | None = None
    q: Annotated[str, msgspec.Meta(max_length=100, pattern=PRINTABLE)] | None = None
    """Stands in the subject or the customer's name."""
