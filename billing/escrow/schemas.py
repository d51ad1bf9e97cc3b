"""What escrow is asked and what it answers, as frozen values."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.money import Currency, Money


class UnitState(StrEnum):
    """What became of a unit."""

    HELD = "held"
    """A device holds it and may have promised it already."""
    PROMISED = "promised"
    """It is a benefit: its hold is the benefit's."""
    GIVEN_BACK = "given_back"
    """The device has named it for nothing and never will; the sweep releases it."""
    RELEASED = "released"
    """Its hold was released: its amount is available again."""


class LeaseCode(StrEnum):
    """What came of a lease. All but the first refuse it."""

    LEASED = "leased"
    NO_ALLOCATION = "lease_needs_allocation"
    """The agent draws on the pool that all share, of which nothing is kept for one device."""
    RECALLED = "lease_recalled"
    """The agent has called the units back; the device gives back what it has not promised."""
    LIMIT_REACHED = "lease_limit_reached"
    """The device holds none, and no more of what is available may stand on devices."""
    EXHAUSTED = "budget_exhausted"
    """The device holds none, and too little is available for another one."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that a device holds."""

    program_id: UUID
    device_id: UUID


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A device's wish to hold so many units of a program, those that it holds already included."""

    agent_id: UUID
    program_id: UUID
    person_id: UUID
    device_id: UUID
    count: int
    amount: Money
    """Of one unit."""
    until: datetime


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to it: what the device holds now."""

    code: LeaseCode
    unit_ids: list[UUID] = []
    until: datetime | None = None
    """The soonest that one of them may be promised no more."""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit that was promised with a unit."""

    unit_id: UUID
    key: UUID
    """The request's; the same key and content is answered the same."""
    agent_id: UUID
    program_id: UUID
    person_id: UUID
    customer_token: str
    limit_per_customer: int
    requested: int = 0
    """Benefits that the same person has had issued to the customer without a unit."""
    expires_at: datetime | None
    """Of the benefit."""


class UnitsOut(msgspec.Struct, frozen=True, kw_only=True):
    """What one device holds of one program."""

    program_id: UUID
    person_id: UUID
    device_id: UUID
    count: int
    amount_minor: int
    currency: Currency
    until: datetime
    is_recalled: bool
