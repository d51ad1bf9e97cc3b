"""How long registrations protect, how many there may be, how soon is decided: dated versions. Pure.

The platform sets them by what it publishes; a registration keeps the terms that it was made under.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec

from server.kit.errors import Invalid
from server.partners.rules.agents import Tier
from server.tenants.rules import LEASE_HOURS_MAX

DAY: Final = timedelta(days=1)
SIGNED_DAYS_MAX: Final = 730
"""For so many days a signature protects at the most, however long the contract is; one that is
renewed protects anew."""

COOLING_DAYS_MAX: Final = 365
_Days = Annotated[int, msgspec.Meta(ge=1, le=730)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class SettlesTooSoon(Invalid):
    """A settlement window shorter than a lease would decide by who had signal."""

    code = "settles_too_soon"


class EvidenceAfterVerdict(Invalid):
    """A case that is decided before its evidence is in hears nobody."""

    code = "evidence_after_verdict"


class TierMissing(Invalid):
    """Without its tier in the terms an agent's registrations cannot be taken in."""

    code = "tier_missing"


class TermsInThePast(Invalid):
    """Terms that hold from a day gone by would change what was promised."""

    code = "terms_in_the_past"


class OfTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent's tier changes."""

    protected_days: _Days
    live_max: _Count
    """Registrations of one agent that may be open at a time."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of registration."""

    tiers: dict[Tier, OfTier] = msgspec.field(
        default_factory=lambda: {
            Tier.GOLD: OfTier(protected_days=120, live_max=5_000),
            Tier.SILVER: OfTier(protected_days=90, live_max=2_000),
            Tier.BRONZE: OfTier(protected_days=90, live_max=500),
        }
    )
    settles_after_hours: Annotated[int, msgspec.Meta(ge=1, le=2_160)] = LEASE_HOURS_MAX
    extension_days: _Days = 60
    extensions_max: Annotated[int, msgspec.Meta(ge=0, le=20)] = 3
    evidence_age_days: _Days = 30
    """How old what is shown for an extension may be."""
    warn_days: tuple[_Days, ...] = (14, 3)
    per_day_rep: _Count = 30
    per_day_agent: _Count = 200
    checks_per_day_rep: _Count = 20
    checks_per_day_agent: _Count = 50
    contest_days: _Days = 7
    """How long a refusal may be contested."""
    evidence_days: _Days = 5
    """How long both sides may bring evidence to a case."""
    decide_days: _Days = 10
    """When a case that no arbitrator has decided goes by the rules."""
    appeal_days: _Days = 7
    cooling_days: Annotated[int, msgspec.Meta(ge=0, le=COOLING_DAYS_MAX)] = 14
    """For how long a company does not register again whom it had protected and let go."""

    @property
    def settles_after(self) -> timedelta:
        """Give the settlement window."""
        return timedelta(hours=self.settles_after_hours)


class TermsVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Terms, and since when they hold."""

    version: int
    holds_from: datetime
    terms: Terms


def ensure_settles(terms: Terms) -> None:
    """Refuse terms by which a phone may come too late that was offline no longer than allowed.

    :raises SettlesTooSoon: naming the field.
    """
    if terms.settles_after_hours < LEASE_HOURS_MAX:
        raise SettlesTooSoon(
            f"A phone may be offline for {LEASE_HOURS_MAX} hours; settle no sooner.",
            field="terms.settles_after_hours",
        )


def ensure_hears(terms: Terms) -> None:
    """Refuse terms by which a case is decided before its evidence is in.

    :raises EvidenceAfterVerdict: naming the field.
    """
    if terms.evidence_days > terms.decide_days:
        raise EvidenceAfterVerdict(
            "Decide no sooner than evidence may be brought.", field="terms.decide_days"
        )


def ensure_for_all(terms: Terms) -> None:
    """Refuse terms that say nothing of some agents.

    :raises TierMissing: naming the tiers.
    """
    missing = sorted(set(Tier) - set(terms.tiers))
    if missing:
        raise TierMissing(f"Say what holds for {', '.join(missing)}, too.", field="terms.tiers")


def ensure_ahead(holds_from: datetime, now: datetime) -> None:
    """Refuse terms that would hold for what was made already.

    :raises TermsInThePast: naming the field.
    """
    if holds_from < now:
        raise TermsInThePast("Let the terms hold from now on, or later.", field="holds_from")


def at(versions: Iterable[TermsVersion], moment: datetime) -> TermsVersion:
    """Give the terms that held at a moment; those the product comes with before any."""
    begun = [each for each in versions if each.holds_from <= moment]
    if not begun:
        return TermsVersion(version=0, holds_from=moment, terms=Terms())
    return max(begun, key=lambda each: (each.holds_from, each.version))


def protected_until(terms: Terms, tier: Tier, since: datetime) -> datetime:
    """Say until when a registration protects that is granted now."""
    return since + terms.tiers[tier].protected_days * DAY


def days_left(until: datetime, now: datetime) -> int:
    """Count the days that are left, the last one included."""
    return max(-((now - until) // DAY), 0)


def is_expiring(terms: Terms, until: datetime, now: datetime) -> bool:
    """Say whether a protection ends soon enough to be warned of."""
    return now < until <= now + max(terms.warn_days, default=0) * DAY
