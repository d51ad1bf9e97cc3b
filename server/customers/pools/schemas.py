"""What public pools are over HTTP and to the portal: views that are given, records taken."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.customers.pools.rules import Reason, Trigger
from server.customers.schemas import Level, Status
from server.kit.text import PRINTABLE

PoolName = Annotated[str, msgspec.Meta(min_length=1, max_length=50, pattern=PRINTABLE)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Days = Annotated[int, msgspec.Meta(ge=0, le=3_650)]
RuleDays = Annotated[int, msgspec.Meta(ge=1, le=3_650)]
TeamIds = Annotated[list[UUID], msgspec.Meta(max_length=200)]


class NewRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which customers come into the pool by themselves, and after how many days."""

    trigger: Trigger
    days: RuleDays
    levels: Annotated[list[Level], msgspec.Meta(max_length=4)] = []
    statuses: Annotated[list[Status], msgspec.Meta(max_length=6)] = []


Rules = Annotated[list[NewRule], msgspec.Meta(max_length=20)]


class NewPool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool to be; without limits everybody may pick everything."""

    name: PoolName
    id: UUID | None = None
    team_ids: TeamIds = []
    held_max: Count | None = None
    picks_per_day: Count | None = None
    views_per_day: Count | None = None
    cooling_days: Days = 0
    warn_days: Days = 7
    recycle_rules: Rules = []


class PoolEdit(msgspec.Struct, frozen=True, kw_only=True):
    """New values of what was touched; null takes a limit away."""

    name: PoolName | UnsetType = UNSET
    team_ids: TeamIds | UnsetType = UNSET
    held_max: Count | UnsetType | None = UNSET
    picks_per_day: Count | UnsetType | None = UNSET
    views_per_day: Count | UnsetType | None = UNSET
    cooling_days: Days | UnsetType = UNSET
    warn_days: Days | UnsetType = UNSET
    recycle_rules: Rules | UnsetType = UNSET


class PoolView(msgspec.Struct, frozen=True, kw_only=True):
    """A pool within reach, and what the asker has taken of it."""

    id: UUID
    name: str
    team_ids: list[UUID]
    held_max: int | None
    picks_per_day: int | None
    views_per_day: int | None
    cooling_days: int
    warn_days: int
    recycle_rules: list[NewRule]
    customers: int
    """How many lie in it."""
    held: int
    """How many the asker owns that came from it."""
    picks_today: int
    views_today: int


class PooledCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of a pool as everybody within reach sees it: nobody can call it yet."""

    id: UUID
    pool_id: UUID
    name: str
    phone_masked: str | None
    city: str | None
    district: str | None
    industry: str | None
    status: str | None
    level: str | None
    entered_at: datetime
    reason: Reason
    free_on: date | None
    """From when the asker may pick it, where that is later: it was the asker's before."""


class PooledDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of a pool at whom somebody looks closely; costs one of the day's views."""

    customer: PooledCustomer
    expected_revenue_minor: int | None
    contacts: int
    notes: int
    created_at: datetime
    active_at: datetime | None
    """When a person last wrote something about it."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Into which pool a customer is given up."""

    pool_id: UUID


class RecycleWarning(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that falls into a pool unless something is done."""

    customer_id: UUID
    customer_name: str
    pool_id: UUID
    pool_name: str
    owner_id: UUID
    due_on: date
    reason: Reason
