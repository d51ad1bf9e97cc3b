"""Whether a customer may have a benefit, and why. Pure: no HTTP, no database.

Rules are data: all requirements must be met, and a requirement is met by any of its conditions. A
condition compares one fact of the customer. What is not known meets nothing, so that leaving a
field empty never earns a benefit. Judging is explaining: there is one evaluation, whose end is the
answer and whose steps are the reasons.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, assert_never

import msgspec

from server.kit.errors import Conflict, Invalid
from server.kit.text import PRINTABLE

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class TextFact(StrEnum):
    """What is told in words of a customer."""

    CITY = "city"
    INDUSTRY = "industry"
    STATUS = "status"
    LEVEL = "level"
    SOURCE = "source"


class NumberFact(StrEnum):
    """What is counted of a customer."""

    KNOWN_DAYS = "known_days"
    """Whole days since the agent wrote it down."""
    VISITS = "visits"
    """Visits that somebody checked in to within the last 90 days."""
    REVENUE_MINOR = "revenue_minor"
    """What the agent expects of it, in fen."""


class YesNoFact(StrEnum):
    """What is so or not of a customer."""

    IS_REGISTERED = "is_registered"
    """Its agent's registration is in force."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that rules may look at: nothing by which anybody could be found again."""

    city: str | None = None
    industry: str | None = None
    status: str | None = None
    level: str | None = None
    source: str | None = None
    known_days: int | None = None
    visits: int | None = None
    revenue_minor: int | None = None
    is_registered: bool | None = None


class Among(msgspec.Struct, frozen=True, tag="among", tag_field="kind", forbid_unknown_fields=True):
    """The fact is one of these."""

    fact: TextFact
    values: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]


class NotAmong(
    msgspec.Struct, frozen=True, tag="not_among", tag_field="kind", forbid_unknown_fields=True
):
    """The fact is known, and none of these."""

    fact: TextFact
    values: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]


class AtLeast(
    msgspec.Struct, frozen=True, tag="at_least", tag_field="kind", forbid_unknown_fields=True
):
    """The fact is this or more."""

    fact: NumberFact
    number: Number


class AtMost(
    msgspec.Struct, frozen=True, tag="at_most", tag_field="kind", forbid_unknown_fields=True
):
    """The fact is this or less."""

    fact: NumberFact
    number: Number


class IsSo(msgspec.Struct, frozen=True, tag="is_so", tag_field="kind", forbid_unknown_fields=True):
    """The fact is so, or is not."""

    fact: YesNoFact
    value: bool = True


Condition = Among | NotAmong | AtLeast | AtMost | IsSo


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Met by any of its conditions."""

    any_of: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1, max_length=10)]


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may have a program's benefits, and how long those hold."""

    requirements: Annotated[tuple[Requirement, ...], msgspec.Meta(max_length=20)] = ()
    """All of them have to be met; none means everybody."""
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None
    """How long a benefit may be used once it is issued; null for ever."""

    @property
    def hash(self) -> str:
        """Give the fingerprint of what the rules say."""
        return digest(self)

    def expires_at(self, issued_at: datetime) -> datetime | None:
        """Give the first moment at which a benefit may be used no more."""
        return None if self.valid_days is None else issued_at + timedelta(days=self.valid_days)


OPEN: Final = Rules()
"""What holds before the first version is published: everybody, and for ever."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one condition saw."""

    condition: Condition
    saw: str | int | bool | None
    """Null when it is not known."""
    is_met: bool


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one requirement."""

    is_met: bool
    findings: tuple[Finding, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a customer may have it, with every reason: also those that did not decide."""

    is_eligible: bool
    requirements: tuple[Met, ...]


class SimulationUnseen(Conflict):
    """A version is published by who has seen what it would have done."""

    code = "simulation_unseen"


class RulesPublished(Conflict):
    """This version holds, or held, already."""

    code = "rules_published"


class RequirementNeverMet(Invalid):
    """A requirement can be met by nobody, or by everybody who is known."""

    code = "requirement_never_met"


def judge(rules: Rules, facts: Facts) -> Verdict:
    """Say whether a customer may have a benefit, and why."""
    requirements = tuple(_meet(requirement, facts) for requirement in rules.requirements)
    return Verdict(is_eligible=all(met.is_met for met in requirements), requirements=requirements)


def _meet(requirement: Requirement, facts: Facts) -> Met:
    """Look at every condition of a requirement."""
    findings = tuple(_find(condition, facts) for condition in requirement.any_of)
    return Met(is_met=any(finding.is_met for finding in findings), findings=findings)


def _find(condition: Condition, facts: Facts) -> Finding:
    """Compare one fact; what is not known meets nothing."""
    saw = getattr(facts, condition.fact)
    return Finding(
        condition=condition, saw=saw, is_met=saw is not None and _compare(condition, saw)
    )


def _compare(condition: Condition, saw: str | int | bool) -> bool:  # noqa: FBT001 - a fact
    """Compare a fact that is known."""
    match condition:
        case Among(values=values):
            return saw in values
        case NotAmong(values=values):
            return saw not in values
        case AtLeast(number=number):
            return int(saw) >= number
        case AtMost(number=number):
            return int(saw) <= number
        case IsSo(value=value):
            return saw is value
        case _:
            assert_never(condition)


def ensure_sensible(rules: Rules) -> None:
    """Refuse numbers that nobody can have both: at least more than at most, over requirements.

    :raises RequirementNeverMet: naming the requirement.
    """
    low: dict[NumberFact, int] = {}
    high: dict[NumberFact, int] = {}
    for place, requirement in enumerate(rules.requirements):
        match requirement.any_of:
            case (AtLeast(fact=fact, number=number),):
                low[fact] = max(number, low.get(fact, number))
            case (AtMost(fact=fact, number=number),):
                high[fact] = min(number, high.get(fact, number))
            case _:
                continue
        if low.get(fact, 0) > high.get(fact, low.get(fact, 0)):
            raise RequirementNeverMet(
                "Together with another requirement nobody can meet this; change one of them.",
                field=f"rules.requirements.{place}",
            )


def digest(content: object) -> str:
    """Give the fingerprint of what was said or shown."""
    encoded = msgspec.json.encode(content, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()
