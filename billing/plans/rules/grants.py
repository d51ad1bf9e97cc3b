"""Grants: units beyond a plan, paid by the agent, by the platform, or owed to a benefit."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.plans.rules.versions import Feature, Meter, Units


class GrantUnsound(BillingRefusal):
    """A grant contradicts itself, or what the agent's plan sells."""

    code = "saas_grant_unsound"
    field = "meter"


class GrantPast(BillingRefusal):
    """A grant would begin or end before the agent's clock."""

    code = "saas_grant_past"
    sort = Sort.CLASH


class Source(StrEnum):
    """Where a grant comes from: who bears its price."""

    AGENT = "agent"
    """The agent pays for it."""
    PLATFORM = "platform"
    """The platform bears the same price."""
    BENEFIT = "benefit"
    """A benefit gave it; its cost is in the books of benefits."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a meter, or a feature, from a day to another one; both may be the same."""

    id: UUID
    agent_id: UUID
    source: Source
    meter: Meter | None = None
    units: Units | None = None
    feature: Feature | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 100
    """What has a lower one is used up first."""
    begins_on: date
    ends_on: date | None = None
    """The last day; none if it does not end."""

    def is_live(self, on: date) -> bool:
        """Say whether it holds on a day."""
        return self.begins_on <= on and (self.ends_on is None or on <= self.ends_on)

    @property
    def turn(self) -> tuple[int, date, UUID]:
        """Give its place in the order of use: by priority, then what ends earliest."""
        return (self.priority, self.ends_on or date.max, self.id)


def ensure_sound(grant: Grant) -> None:
    """Refuse a grant of nothing, or of two things at once.

    :raises GrantUnsound: it says why.
    """
    if (grant.meter is None) != (grant.units is None):
        raise GrantUnsound("Give a meter and its units together.")
    if (grant.meter is None) == (grant.feature is None):
        raise GrantUnsound("A grant is of a meter's units or of a feature.")
    if grant.feature is not None and grant.source is Source.AGENT:
        raise GrantUnsound("Features are not sold one by one.")
    if grant.ends_on is not None and grant.ends_on < grant.begins_on:
        raise GrantUnsound("A grant does not end before it begins.")
