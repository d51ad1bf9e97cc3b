"""What vouchers are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from billing.redemptions.schemas import Kind
from server.benefits.schemas import AmountMinor, Reason
from server.kit.text import PRINTABLE

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=PRINTABLE)]


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A code that a customer shows."""

    code: Code


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A code that is about to be redeemed."""

    id: UUID
    """Made by the asker; who redeems with it is let in, others wait."""
    code: Code


class Redeem(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a benefit."""

    id: UUID
    """Made by the asker: asking twice uses it once."""
    code: Code
    amount_minor: AmountMinor | None = None
    """Null for all that is left."""
    lock_id: UUID | None = None


class RollBack(msgspec.Struct, frozen=True, kw_only=True):
    """A use that is taken back, whole."""

    id: UUID
    redemption_id: UUID
    code: Code
    reason: Reason


class VoucherCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code of a benefit, for the customer."""

    code: str
    open_minor: int
    currency: str
    expires_at: datetime | None


class VoucherView(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind a code."""

    issuance_id: UUID
    program_id: UUID
    program_name: str
    last4: str
    amount_minor: int
    used_minor: int
    open_minor: int
    """What may still be used; 0 when it is used up, withdrawn or over."""
    currency: str
    expires_at: datetime | None
    locked_until: datetime | None


class RedemptionView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with a benefit."""

    id: UUID
    kind: Kind
    amount_minor: int
    of_id: UUID | None
    actor_id: UUID
    reason: str | None
    recorded_at: datetime


class VoucherAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of an agent was stopped from guessing codes."""

    id: UUID
    agent_id: UUID
    raised_at: datetime
