"""Data quality over HTTP and to the pages."""

from datetime import datetime
from uuid import UUID

import msgspec

from server.quality.rules import Aspect, Check


class MissingView(msgspec.Struct, frozen=True, kw_only=True):
    """A check that a record does not pass, and what mending it is worth."""

    check: Check
    aspect: Aspect
    points: int


class QualityView(msgspec.Struct, frozen=True, kw_only=True):
    """How good a customer's record is, as of now."""

    customer_id: UUID
    score: int
    """Out of 100."""
    missing: list[MissingView]
    """The dearest first."""
    double_ids: list[UUID]
    """Records within sight that look like the same customer."""


class QualityLine(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's record as it was when all were last looked through."""

    customer_id: UUID
    customer_name: str
    owner_id: UUID | None
    score: int
    missing: list[Check]
    assessed_at: datetime


class Average(msgspec.Struct, frozen=True, kw_only=True):
    """How good the records of somebody, or of a team, are on the average."""

    owner_id: UUID | None
    """Null for a team's, and for what nobody owns."""
    team_id: UUID | None
    customers: int
    score: float
    poor: int
    """Records below sixty."""


class QualityFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the records within sight."""

    owner_id: UUID | None = None
    check: Check | None = None
    """Only those that do not pass it."""
