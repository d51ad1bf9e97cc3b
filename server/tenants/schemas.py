"""What tenants take and show."""

from typing import Annotated
from uuid import UUID

import msgspec

from server.kit.text import PRINTABLE
from server.tenants.rules import LEASE_HOURS_MAX, LEASE_HOURS_MIN

TeamName = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=PRINTABLE)]
LeaseHours = Annotated[int, msgspec.Meta(ge=LEASE_HOURS_MIN, le=LEASE_HOURS_MAX)]


class TenantView(msgspec.Struct, frozen=True):
    """An agent company as its own people see it."""

    tenant_id: UUID
    name: str
    short_name: str
    city: str
    lease_hours: int
    """How long a device may work after its last contact before it locks its records."""
    lease_only: bool
    """Whether a device without an encrypted store, which no lease can lock, is refused."""


class LeaseTerms(msgspec.Struct, frozen=True):
    """On which terms the devices of a company keep its records."""

    lease_ms: int
    lease_only: bool


class CompanyChange(msgspec.Struct, frozen=True):
    """What an owner decides for the whole company; what is left out stays."""

    lease_hours: LeaseHours | msgspec.UnsetType = msgspec.UNSET
    lease_only: bool | msgspec.UnsetType = msgspec.UNSET


class NewTeam(msgspec.Struct, frozen=True):
    """A team to be. With its own `id` the request may be repeated."""

    name: TeamName
    id: UUID | None = None


class TeamChange(msgspec.Struct, frozen=True):
    """A team's new name."""

    name: TeamName


class TeamView(msgspec.Struct, frozen=True):
    """A team."""

    id: UUID
    name: str
