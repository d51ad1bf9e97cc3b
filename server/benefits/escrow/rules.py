"""Decide about leases. Pure: no HTTP, no database."""

from uuid import UUID, uuid5

from billing.escrow.rules import UNITS_MAX
from server.kit.errors import Conflict

_TIME_BYTES = 6
_VERSION = 0x7 << 76
_VERSION_MASK = 0xF << 76


class LeaseNeedsAllocation(Conflict):
    """The company has no allocation of its own in the program."""

    code = "lease_needs_allocation"


class LeaseRecalled(Conflict):
    """The company has called the device's units back."""

    code = "lease_recalled"


def unit_ids(lease_id: UUID) -> list[UUID]:
    """Give the ids of what a lease may bring, in order: the same for the same lease.

    So a server that was restored and hears a lease again gives the same units. They sort by the
    time of the lease, as all ids do.
    """
    return [_unit_id(lease_id, place) for place in range(UNITS_MAX)]


def _unit_id(lease_id: UUID, place: int) -> UUID:
    """Derive an id in the layout of UUIDv7, with the time of the lease's own."""
    made = uuid5(lease_id, f"unit:{place}").bytes
    number = int.from_bytes(lease_id.bytes[:_TIME_BYTES] + made[_TIME_BYTES:])
    return UUID(int=number & ~_VERSION_MASK | _VERSION)
