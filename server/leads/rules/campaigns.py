"""Campaigns: nothing is spent beyond the budget (S50); a review comes before the next (S51)."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

import msgspec

from server.kit.errors import Conflict, Invalid


class CampaignState(StrEnum):
    """How far a campaign has come."""

    OPEN = "open"
    """Planned or running, by its days."""
    REVIEWED = "reviewed"
    """Over, and somebody has written what it was good for."""
    CANCELLED = "cancelled"
    """Will not be; what was spent stays."""


class Channel(StrEnum):
    """What kind of source brings leads (S37)."""

    WEBSITE = "website"
    SEO = "seo"
    SEM = "sem"
    MEDIA = "media"
    EVENT = "event"
    PARTNER_REFERRAL = "partner_referral"
    CUSTOMER_REFERRAL = "customer_referral"
    COLD = "cold"
    OTHER = "other"


class CampaignOverBudget(Conflict):
    """The campaign's budget does not have this much left."""

    code = "campaign_over_budget"


class ReviewMissing(Conflict):
    """An earlier campaign of this source is over and was not reviewed."""

    code = "review_missing"


class CampaignUnfit(Invalid):
    """The days of the campaign, or what is asked of it, do not fit."""

    code = "campaign_unfit"


class SourceUnfit(Invalid):
    """A source cannot stand below itself, or below one that is not there."""

    code = "source_unfit"


class Budget(msgspec.Struct, frozen=True):
    """A campaign's money: what may be spent and what was; in fen."""

    budget_minor: int
    spent_minor: int


class Ended(msgspec.Struct, frozen=True):
    """An earlier campaign of a source."""

    name: str
    ends_on: date
    state: CampaignState
    spent_minor: int


def ensure_within(budget: Budget, amount_minor: int) -> None:
    """Refuse a cost beyond the budget, and a refund beyond what was spent.

    :raises CampaignOverBudget: saying how much is left.
    """
    left = budget.budget_minor - budget.spent_minor
    if amount_minor > left:
        raise CampaignOverBudget(
            "The budget does not have this much left; review and raise it first.",
            field="amount_minor",
            left_minor=left,
        )
    if budget.spent_minor + amount_minor < 0:
        raise CampaignUnfit("More comes back than was spent.", field="amount_minor")


def ensure_reviewed(earlier: Sequence[Ended], *, today: date) -> None:
    """Refuse a new budget while an earlier campaign that cost something was not reviewed.

    :raises ReviewMissing: naming the campaign.
    """
    for one in earlier:
        is_over = one.ends_on < today and one.state is CampaignState.OPEN
        if is_over and one.spent_minor:
            raise ReviewMissing(
                "Write the review of the last campaign first.", field="budget_minor", name=one.name
            )


def ensure_days(starts_on: date, ends_on: date) -> None:
    """Refuse a campaign that ends before it begins.

    :raises CampaignUnfit: naming the field.
    """
    if ends_on < starts_on:
        raise CampaignUnfit("The last day is not before the first.", field="ends_on")
