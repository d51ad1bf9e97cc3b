"""What escrow is on the wire and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from billing.escrow.rules import UNITS_MAX

Count = Annotated[int, msgspec.Meta(ge=0, le=UNITS_MAX)]


class Leased(msgspec.Struct, frozen=True, kw_only=True):
    """What a device holds of a program once its lease is decided."""

    program_id: UUID
    unit_ids: list[UUID]
    until_ms: int | None
    """From then on the device promises none of them; null where it holds none."""
    amount_minor: int
    """Of one benefit."""
    currency: str
    limit_per_customer: int


class UnitsView(msgspec.Struct, frozen=True, kw_only=True):
    """What one device holds of one program."""

    program_id: UUID
    program_name: str
    person_id: UUID
    device_id: UUID
    count: int
    amount_minor: int
    """Of all of them together."""
    currency: str
    until: datetime
    is_recalled: bool
    """Called back; the device gives back what it has not promised when it next syncs."""


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """Which device's units are called back."""

    program_id: UUID
    device_id: UUID
