"""What plans are over HTTP, beyond what the books say of them."""

from datetime import date
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec

from billing.invoices.schemas import Credit, InvoiceView, Payment
from billing.money import Currency
from billing.plans.rules.entitlements import Standing, Verdict
from billing.plans.rules.grants import Grant
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import LimitKind, Meter, PlanVersion
from billing.plans.schemas import HoldersAsked
from server.kit.text import PRINTABLE


class NewVersion(PlanVersion, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of a plan to be; it never changes."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=PRINTABLE)]


class NewChange(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent's plan is to be from a day on."""


class NewGrant(Grant, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units or a feature beyond an agent's plan."""


class GrantEnd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last day of a grant."""

    ends_on: date


class ClockMove(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far an agent's plan is to be carried on."""

    until: date
    """Today at the latest, unless it is only looked at."""
    is_preview: bool = False
    """Say what would come, by the same code, and keep nothing."""


class NewPayment(Payment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money that came in for an invoice."""


class NewCredit(Credit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an invoice is to be void, its tax included."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]


class FapiaoNumber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number of the e-invoice that was issued elsewhere."""

    number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class CarriedOn(msgspec.Struct, frozen=True, kw_only=True):
    """What came of moving an agent's clock, or would come."""

    clock_on: date
    standing: Standing
    parked_reason: str | None
    invoices: list[InvoiceView]


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one thing a company uses, of how much."""

    meter: Meter
    used: int
    most: int | None
    """None without a limit."""
    kind: LimitKind | None
    grace_until: date | None
    """The last day of grace, where there is one."""
    verdict: Verdict
    """What comes of one more."""
    zh: str
    en: str


class TriedHolder(msgspec.Struct, frozen=True):
    """What an agent would be billed for a month, tax included, with and without a version."""

    agent_id: UUID
    now_minor: int
    would_minor: int


class VersionTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What the first whole month of a version would cost those who have its plan."""

    month: date
    """Its first day."""
    currency: Currency
    holders: list[TriedHolder]
    """Those who would pay most more first; the first fifty."""
    holders_count: int
    now_minor: int
    """Of all of them."""
    would_minor: int
    left_out: int
    """So many are left out: somebody has to look into their books first."""


class PlanUse(msgspec.Struct, frozen=True, kw_only=True):
    """A company's plan, and what it uses of it."""

    agent_id: UUID
    plan: PlanVersion
    is_paused: bool
    standing: Standing
    clock_on: date
    uses: list[Use]
    features: list[str]
    grants: list[Grant]
    """Those that hold, or will."""


class AgentPlan(PlanUse, frozen=True, kw_only=True):
    """An agent's plan as the platform keeps it; of its use, what is counted in the books alone."""

    parked_reason: str | None
    changes: list[Change]
    """The earliest first; those that lie ahead, too."""


PlanTerms: TypeAlias = PlanVersion
"""What a plan includes and costs from a day on."""
LIMIT_KINDS: Final = tuple(LimitKind)
HolderFilter: TypeAlias = HoldersAsked
"""Which holders a list is of."""
STANDINGS: Final = tuple(Standing)
METERS: Final = tuple(Meter)
