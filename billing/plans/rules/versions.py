"""Plans of the product: versions that never change, and what each of them lets an agent use."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.money import MINOR_MAX, Currency

PPM: Final = 1_000_000
"""Rates of tax are whole millionths: 6 % is 60,000."""
Minor = Annotated[int, msgspec.Meta(ge=0, le=MINOR_MAX)]
MONTH_MAX: Final = 10**12
"""The most that a plan, or the units of one grant, cost for a month: 10,000,000,000 yuan.

So an invoice of either, with its tax, is no more than one movement may be.
"""
Price = Annotated[int, msgspec.Meta(ge=0, le=MONTH_MAX)]
Units = Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]
Feature = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z_]{0,39}\Z")]
"""Something that a plan has or has not."""


class Meter(StrEnum):
    """What is counted of an agent's use."""

    SEATS = "seats"
    CUSTOMERS = "customers"
    STORAGE_BYTES = "storage_bytes"
    MESSAGES = "messages"
    EXPORTS = "exports"
    AI_CALLS = "ai_calls"

    @property
    def is_level(self) -> bool:
        """Say whether it is what is there now; otherwise it is what was done in a month."""
        return self in (Meter.SEATS, Meter.CUSTOMERS, Meter.STORAGE_BYTES)


class LimitKind(StrEnum):
    """What happens beyond a limit."""

    HARD = "hard"
    """It is refused."""
    SOFT = "soft"
    """It is done, and told."""
    GRACE = "grace"
    """As soft up to a day, as hard from then on."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """How much of something a plan includes, and what happens beyond."""

    most: Minor
    kind: LimitKind = LimitKind.SOFT
    grace_until: date | None = None
    """The last day of grace, where there is one."""


class PlanVersionUnsound(BillingRefusal):
    """A version of a plan contradicts itself."""

    code = "saas_plan_unsound"


class PlanVersionPast(BillingRefusal):
    """A version would change what has been billed or is in force."""

    code = "saas_plan_version_past"
    sort = Sort.CLASH
    field = "begins_on"


class PlanUnknown(BillingRefusal):
    """There is no such plan, or none of its versions is in force on a day."""

    code = "saas_plan_unknown"
    sort = Sort.ABSENT
    field = "plan_id"


class PlanVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan includes and costs from a day on, until its next version begins."""

    id: UUID
    plan_id: UUID
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    begins_on: date
    currency: Currency = "CNY"
    price_minor: Price = 0
    """For a calendar month, without tax."""
    tax_ppm: Annotated[int, msgspec.Meta(ge=0, le=PPM)] = 0
    features: Annotated[list[Feature], msgspec.Meta(max_length=100)] = []
    limits: dict[Meter, Limit] = {}
    """What is not named here has no limit."""
    unit_minor: dict[Meter, Price] = {}
    """For one more unit during a calendar month, without tax; what is not named is not sold."""


FREE: Final = PlanVersion(
    id=UUID("00000000-0000-7000-8000-0000000000f1"),
    plan_id=UUID("00000000-0000-7000-8000-0000000000f0"),
    name="免费版 Free",
    begins_on=date(2000, 1, 1),
    limits={
        Meter.SEATS: Limit(most=1_000),
        Meter.CUSTOMERS: Limit(most=1_000_000),
        Meter.EXPORTS: Limit(most=10_000),
    },
)
"""What every agent has that was given no other plan: nothing costs, and nothing is refused."""


def ensure_sound(version: PlanVersion) -> None:
    """Refuse a version that contradicts itself.

    :raises PlanVersionUnsound: it says where.
    """
    for meter, limit in version.limits.items():
        if (limit.kind is LimitKind.GRACE) != (limit.grace_until is not None):
            raise PlanVersionUnsound(f"{meter}: a limit has a last day of grace if it is of grace.")
        if limit.grace_until is not None and limit.grace_until < version.begins_on:
            raise PlanVersionUnsound(f"{meter}: the grace is over before the version begins.")
    if len(set(version.features)) != len(version.features):
        raise PlanVersionUnsound("A feature is named once.")


def ensure_follows(versions: Sequence[PlanVersion], new: PlanVersion, today: date) -> None:
    """Refuse a version that would change what is in force, or another currency.

    :raises PlanVersionPast: it begins no later than today, or than another one.
    :raises PlanVersionUnsound: the plan counts in another currency.
    """
    if new.begins_on <= today:
        raise PlanVersionPast("A version begins tomorrow at the earliest.")
    if any(version.begins_on >= new.begins_on for version in versions):
        raise PlanVersionPast("A new version begins after all others of its plan.")
    if any(version.currency != new.currency for version in versions):
        raise PlanVersionUnsound("A plan keeps its currency; make another plan.")


def in_force(versions: Sequence[PlanVersion], on: date) -> PlanVersion:
    """Give the version of a plan on a day.

    :raises PlanUnknown: the first one begins later, or there is none.
    """
    begun = [version for version in versions if version.begins_on <= on]
    if not begun:
        raise PlanUnknown("No version of this plan is in force on that day.")
    return max(begun, key=lambda version: version.begins_on)
