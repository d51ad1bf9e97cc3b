"""What reviews are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.benefits.reviews.rules import Guards, ReviewState, Signal, Verdict
from server.benefits.schemas import Reason
from server.kit.text import PRINTABLE


class SignalView(msgspec.Struct, frozen=True, kw_only=True):
    """A signal with what was seen, in both languages."""

    signal: Signal
    zh: str
    en: str


class ReviewRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A review as the platform sees it: which agent, which program, why; never who."""

    issuance_id: UUID
    agent_id: UUID
    program_id: UUID
    program_name: str
    customer_token: str
    amount_minor: int
    currency: str
    signals: list[SignalView]
    state: ReviewState
    opened_at: datetime
    due_at: datetime
    owner_id: UUID | None
    decided_at: datetime | None
    reason: str | None
    appeal: str | None
    settled_reason: str | None


class OwnReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """A review as the agent sees it: of what others do nothing is told."""

    state: ReviewState
    signals: list[SignalView]
    opened_at: datetime
    due_at: datetime
    reason: str | None
    appeal: str | None
    settled_reason: str | None


class ReviewDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says who looked at it; the agent reads the reason."""

    verdict: Verdict
    reason: Reason


class ReviewAppeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The owner's one answer."""

    answer: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000, pattern=PRINTABLE)]


class SignalRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reviews with a signal: how far it is to be trusted."""

    signal: Signal
    zh: str
    en: str
    waiting: int
    rejected: int
    """Of which nothing was granted back."""
    released: int
    """Found to have a reason, at once or when the owner had answered."""


class GuardsView(msgspec.Struct, frozen=True, kw_only=True):
    """A program's guards; version 0 are the usual ones, which nobody has set."""

    version: int
    guards: Guards
