"""What periods are asked and what they answer, as frozen values."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.money import Currency


class PeriodState(StrEnum):
    """What may still be booked into a period."""

    OPEN = "open"
    """Everything that happened in it."""
    SOFT_CLOSED = "soft_closed"
    """Adjustments of who has the right to; all else that happened in it is booked behind it."""
    HARD_CLOSED = "hard_closed"
    """Nothing."""


class NewPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A period to add behind the last one."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    """The first moment that is not in it."""


class PeriodChange(msgspec.Struct, frozen=True, kw_only=True):
    """Close a period, or open it again."""

    period_id: UUID
    state: PeriodState
    actor_id: UUID
    reason: str


class PeriodView(msgspec.Struct, frozen=True, kw_only=True):
    """A period as it is."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    state: PeriodState
    changes: int


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a period."""

    n: int
    state: PeriodState
    recorded_at: datetime
    actor_id: UUID
    reason: str
    trial_hash: bytes | None
    """SHA-256 of the trial balance of a close, and through it of every close before."""


class TrialLine(msgspec.Struct, frozen=True, kw_only=True):
    """One account in a trial balance: closing == opening - debits + credits."""

    account_id: UUID
    currency: Currency
    opening_minor: int
    debits_minor: int
    credits_minor: int
    closing_minor: int
    pending_minor: int
    """What was held at the end."""
