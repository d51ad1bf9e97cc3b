"""What tenants show."""

from uuid import UUID

import msgspec


class TenantView(msgspec.Struct, frozen=True):
    """An agent company as its own people see it."""

    tenant_id: UUID
    name: str
    short_name: str
    city: str


class TeamView(msgspec.Struct, frozen=True):
    """A team."""

    id: UUID
    name: str
