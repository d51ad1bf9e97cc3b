"""Commission plans: versions that never change, and what each pays, to the fen.

A plan pays a function of all that was sold in a period. One sale earns what it adds to that
function, so the sales of a period earn the same in whatever pieces and order they come.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.money import MINOR_MAX, Currency

PPM: Final = 1_000_000
"""Shares are whole millionths: 5 % is 50,000."""
Ppm = Annotated[int, msgspec.Meta(ge=0, le=PPM)]
Minor = Annotated[int, msgspec.Meta(ge=0, le=MINOR_MAX)]


class Measure(StrEnum):
    """What a plan counts."""

    REVENUE = "revenue"
    """What the customer pays, in minor units; rates are millionths of it."""
    MARGIN = "margin"
    """What is left of it for the platform, in minor units; rates are millionths of it."""
    UNITS = "units"
    """Pieces; rates are minor units for each."""
    SALES = "sales"
    """Sales, one each; rates are minor units for each: a fixed commission."""

    @property
    def is_money(self) -> bool:
        """Say whether rates are shares."""
        return self in (Measure.REVENUE, Measure.MARGIN)


class TierMode(StrEnum):
    """What a higher tier's rate is for."""

    MARGINAL = "marginal"
    """For what lies in it."""
    WHOLE = "whole"
    """For everything, once it is reached."""


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A rate from an amount on."""

    at_least: Minor
    rate: Minor


class PlanUnsound(BillingRefusal):
    """A plan's tiers, cap or shares contradict each other."""

    code = "plan_unsound"


class PlanVersionNotLater(BillingRefusal):
    """A new version of a plan begins no later than the one before."""

    code = "plan_version_not_later"
    sort = Sort.CLASH
    field = "begins_on"


class NoPlanInForce(BillingRefusal):
    """On a day no version of the plan is in force."""

    code = "no_plan_in_force"
    sort = Sort.CLASH
    field = "on"


class PlanVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan pays from a day on, until the next version begins. Never changed."""

    id: UUID
    plan_id: UUID
    begins_on: date
    currency: Currency
    measure: Measure
    tiers: Annotated[list[Tier], msgspec.Meta(min_length=1, max_length=20)]
    """The first one begins at nothing."""
    mode: TierMode = TierMode.MARGINAL
    floor_minor: Minor = 0
    """At least so much for a period in which something was sold."""
    cap_minor: Minor | None = None
    """At most so much for a period."""
    hold_days: Annotated[int, msgspec.Meta(ge=0, le=400)] = 0
    """So long a sale may be refunded before its commission is earned."""
    upline_ppm: Annotated[list[Ppm], msgspec.Meta(max_length=10)] = []
    """Of each commission the share of the agent above, of the one above that, and so on."""


def ensure_sound(version: PlanVersion) -> None:
    """Refuse a version that would pay less for more, or more than all.

    :raises PlanUnsound: it says which part.
    """
    starts = [tier.at_least for tier in version.tiers]
    if starts[0] != 0 or any(high <= low for low, high in pairwise(starts)):
        raise PlanUnsound("The first tier begins at 0, each next one higher.")
    rates = [tier.rate for tier in version.tiers]
    if version.measure.is_money and max(rates) > PPM:
        raise PlanUnsound("A rate is at most a million millionths.")
    if version.mode is TierMode.WHOLE and any(high < low for low, high in pairwise(rates)):
        raise PlanUnsound("A higher tier that is for everything pays no less than a lower one.")
    if version.cap_minor is not None and version.cap_minor < version.floor_minor:
        raise PlanUnsound("The cap is not below the floor.")
    if sum(version.upline_ppm) > PPM:
        raise PlanUnsound("The agents above get no more than all of it.")


def in_force(versions: Sequence[PlanVersion], on: date) -> PlanVersion:
    """Give the version that a day's sales are paid by.

    :raises NoPlanInForce: the first one begins later.
    """
    begun = [version for version in versions if version.begins_on <= on]
    if not begun:
        raise NoPlanInForce("No version of this plan is in force on that day.")
    return max(begun, key=lambda version: version.begins_on)


def ensure_follows(versions: Sequence[PlanVersion], new: PlanVersion) -> None:
    """Refuse a version that would change what was in force.

    :raises PlanVersionNotLater: it begins no later than another one.
    """
    if any(version.begins_on >= new.begins_on for version in versions):
        raise PlanVersionNotLater("A new version begins after all others.")


def paid_for(version: PlanVersion, total: int) -> int:
    """Give what a whole period pays for what was sold in it, rounded down once."""
    assert total >= 0, "what was sold is not below nothing"
    if total == 0:
        return 0
    earned = _whole(version, total) if version.mode is TierMode.WHOLE else _marginal(version, total)
    if version.measure.is_money:
        earned //= PPM
    earned = max(earned, version.floor_minor)
    return earned if version.cap_minor is None else min(earned, version.cap_minor)


def commission_minor(version: PlanVersion, before: int, sold: int) -> int:
    """Give what one sale earns, when so much was sold before it in the period."""
    return paid_for(version, before + sold) - paid_for(version, before)


def _marginal(version: PlanVersion, total: int) -> int:
    """Add up the tiers, each for what lies in it."""
    ends = [tier.at_least for tier in version.tiers[1:]] + [total]
    return sum(
        max(0, min(end, total) - tier.at_least) * tier.rate
        for tier, end in zip(version.tiers, ends, strict=True)
    )


def _whole(version: PlanVersion, total: int) -> int:
    """Take the rate of the highest tier that is reached."""
    reached = [tier for tier in version.tiers if tier.at_least <= total]
    return total * reached[-1].rate
