"""What plans are asked and what they answer, as frozen values."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.plans.rules.entitlements import Entitlement, Standing, entitlement
from billing.plans.rules.grants import Grant
from billing.plans.rules.subscriptions import Change, plan_on
from billing.plans.rules.versions import PlanVersion


class PlanKeyReused(BillingRefusal):
    """An id was used before with other content."""

    code = "saas_id_reused"
    sort = Sort.CLASH
    field = "id"


class GrantNotFound(BillingRefusal):
    """There is no such grant."""

    code = "saas_grant_not_found"
    sort = Sort.ABSENT


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something for the platform, and when."""

    platform_id: UUID
    actor_id: UUID
    today: date
    now: datetime


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """All that says what an agent may use and what it costs, on any day."""

    agent_id: UUID
    clock_on: date
    standing: Standing = Standing.GOOD
    parked_reason: str | None = None
    changes: list[Change] = []
    grants: list[Grant] = []
    plans: dict[UUID, list[PlanVersion]] = {}
    """Of each plan that a change names, its versions."""

    def entitled(self, on: date) -> Entitlement:
        """Give what the agent may use on a day."""
        version, is_paused = plan_on(self.changes, self.plans, on)
        return entitlement(version, self.grants, on, standing=self.standing, is_paused=is_paused)


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """An agent whose clock stands before today."""

    agent_id: UUID
    clock_on: date


class HolderRow(msgspec.Struct, frozen=True, kw_only=True):
    """Which plan an agent has; one that was never given any is in no list and has what is free."""

    agent_id: UUID
    plan_id: UUID | None
    """Null where it pauses, or where its first plan begins later."""
    plan_since: date | None
    clock_on: date
    standing: Standing
    parked_reason: str | None


class HoldersAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which holders a list is of; None is any."""

    plan_id: UUID | None = None
    standing: Standing | None = None
