"""Decide about leases. Pure: no HTTP, no database."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from billing.escrow.rules import UNITS_MAX
from server.kit.errors import Conflict, Invalid

AHEAD: Final = timedelta(days=1)
"""How far a lease's id may be ahead of the server's time: a device's clock may be wrong."""
BEHIND: Final = timedelta(days=30)
"""How long a lease may have waited on its device."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_BYTES = 6
_VERSION = 0x7 << 76
_VERSION_MASK = 0xF << 76


class LeaseNeedsAllocation(Conflict):
    """The company has no allocation of its own in the program."""

    code = "lease_needs_allocation"


class LeaseLimitReached(Conflict):
    """As much of the allocation stands on the company's devices as may."""

    code = "lease_limit_reached"


class LeaseRecalled(Conflict):
    """The company has called the device's units back."""

    code = "lease_recalled"


def ensure_dated(lease_id: UUID, *, now: datetime) -> None:
    """Refuse a lease whose id is of another time.

    Units have the lease's time in their ids, and the benefits that they become are listed by it:
    who could choose it would choose their place in everybody's lists for ever.

    :raises Invalid: it lies more than a day ahead, or more than thirty days back.
    """
    # As a whole number: what an id carries may lie beyond all dates.
    made_ms = int.from_bytes(lease_id.bytes[:_TIME_BYTES])
    first, last = (
        (bound - _EPOCH) // timedelta(milliseconds=1) for bound in (now - BEHIND, now + AHEAD)
    )
    if not first <= made_ms <= last:
        raise Invalid(
            "A lease's id carries the time at which it was made; set the device's clock and make"
            " a new one.",
            field="id",
        )


def unit_ids(agent_id: UUID, lease_id: UUID) -> list[UUID]:
    """Give the ids of what a company's lease may bring, in order: the same for the same lease.

    So a server that was restored and hears a lease again gives the same units, and who uses the id
    of another company's lease meets none of its units. They sort by the time of the lease, as all
    ids do.
    """
    return [_unit_id(agent_id, lease_id, place) for place in range(UNITS_MAX)]


def _unit_id(agent_id: UUID, lease_id: UUID, place: int) -> UUID:
    """Derive an id in the layout of UUIDv7, with the time of the lease's own."""
    made = uuid5(agent_id, f"unit:{lease_id}:{place}").bytes
    number = int.from_bytes(lease_id.bytes[:_TIME_BYTES] + made[_TIME_BYTES:])
    return UUID(int=number & ~_VERSION_MASK | _VERSION)
