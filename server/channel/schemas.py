"""What the channel shows the platform. A null count is one that is hidden."""

from datetime import datetime
from uuid import UUID

import msgspec

from server.partners.rules.agents import Tier
from server.partners.rules.sharing import Shared


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
    devices: int | None
    """Null, as all that follows, where the agent's sharing contract does not name it."""
    pending: int | None
    last_sync_at: datetime | None
    withheld: list[Shared]
    """What the contract leaves out."""


class Released(msgspec.Struct, frozen=True):
    """A field that a look of the platform's may show it of an agent."""

    look: str
    """As it stands in the agent's feed."""
    field: str
    contract: Shared | None
    """The field of the sharing contract that lets it be seen; null where books or cases need it."""
    is_seen: bool
    """Whether it is, by the contract that holds."""


class Overview(msgspec.Struct, frozen=True):
    """The channel at a glance."""

    counted_at: datetime | None
    persons_min: int
    customers: int | None
    funnel: list[StatusCount]
    cities: Breakdown
    industries: Breakdown
    agents: list[AgentRow]
