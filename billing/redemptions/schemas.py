"""What redemptions are asked and what they answer, as frozen values."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.issuance.schemas import IssuanceState
from billing.ledger.schemas import Code
from billing.money import Currency


class Kind(StrEnum):
    """What is done with a benefit."""

    REDEEM = "redeem"
    """The customer uses it, or a part of it."""
    ROLL_BACK = "roll_back"
    """A use is taken back, whole."""
    REVOKE = "revoke"
    """The platform withdraws what is left, or a part of it."""
    EXPIRE = "expire"
    """Its time is over: what is left is released."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants done with a benefit."""

    key: UUID
    """Made by the asker: the same key and content is answered the same."""
    kind: Kind
    issuance_id: UUID
    amount_minor: int | None = None
    """Null for all that is left; a rollback takes back the whole use."""
    of_id: UUID | None = None
    """The use that is taken back."""
    reason: str | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a benefit stands."""

    amount_minor: int
    used_minor: int
    released_minor: int
    """Withdrawn, or over."""
    state: IssuanceState
    hold_id: UUID
    """What holds, or held last, the part that is left."""
    budget_id: UUID
    issued_id: UUID
    currency: Currency
    expires_at: datetime | None

    @property
    def open_minor(self) -> int:
        """Give what may still be used."""
        return self.amount_minor - self.used_minor - self.released_minor


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """A use that may be taken back."""

    id: UUID
    amount_minor: int
    transfer_id: UUID
    is_taken_back: bool


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a wish."""

    code: Code
    is_new: bool
    """False when its key had been answered before."""
    issuance_id: UUID
    amount_minor: int
    transfer_id: UUID | None
    """Null when it was refused."""


class RedemptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of what became of a benefit."""

    id: UUID
    issuance_id: UUID
    kind: Kind
    amount_minor: int
    of_id: UUID | None
    actor_id: UUID
    reason: str | None
    recorded_at: datetime
