"""What the channel shows the platform. A null count is one that is hidden."""

from datetime import datetime
from uuid import UUID

import msgspec

from server.partners.rules.agents import Tier


class StatusCount(msgspec.Struct, frozen=True):
    """Customers in one status."""

    status: str
    customers: int | None


class ValueCount(msgspec.Struct, frozen=True):
    """Customers with one value; the empty value is that of records that say nothing."""

    value: str
    customers: int


class Breakdown(msgspec.Struct, frozen=True):
    """Customers by one value, the rare values together in a rest without names."""

    counts: list[ValueCount]
    rest: int | None
    total: int | None


class AgentRow(msgspec.Struct, frozen=True):
    """One agent in the channel: its funnel and how its devices are."""

    tenant_id: UUID
    name: str
    short_name: str
    city: str
    tier: Tier
    joined_at: datetime
    customers: int | None
    funnel: list[StatusCount]
    devices: int
    pending: int
    last_sync_at: datetime | None


class Overview(msgspec.Struct, frozen=True):
    """The channel at a glance."""

    counted_at: datetime | None
    persons_min: int
    customers: int | None
    funnel: list[StatusCount]
    cities: Breakdown
    industries: Breakdown
    agents: list[AgentRow]
