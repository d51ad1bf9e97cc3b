"""What the rules of a program are over HTTP and to the portal."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.benefits.eligibility.rules import Facts, NumberFact, Rules, TextFact, YesNoFact
from server.benefits.eligibility.simulation import Simulation
from server.benefits.eligibility.words import Asked, Sentence
from server.benefits.schemas import Moment

FACTS: Final[tuple[str, ...]] = (*TextFact, *NumberFact, *YesNoFact)
"""What rules may look at, by name."""
MONEY: Final[str] = NumberFact.REVENUE_MINOR
"""The one of them that is an amount, in fen."""


class NewRules(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a program's rules, to be looked at before it holds."""

    id: UUID
    """Made by the asker: asking twice makes one version."""
    rules: Rules


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """A version, and what was seen of it before it is published."""

    version: int
    simulated_until: Moment
    simulation_hash: str


class RulesView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a program's rules."""

    version: int
    rules: Rules
    asks: list[list[Asked]]
    """The same in words: all of the lines, each by any of its sentences."""
    hash: str
    proposed_at: datetime
    published_at: datetime | None
    in_force: bool


class RulesTried(msgspec.Struct, frozen=True, kw_only=True):
    """A version, and what it would have done with the last 90 days' requests."""

    version: RulesView
    simulation: Simulation


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a customer may have a benefit of a program by its rules, and why."""

    is_eligible: bool
    rules_version: int
    """0 before there was a version: everybody may have it."""
    facts: Facts | None
    """What the rules saw; null of a request that is older than they."""
    reasons: list[list[Sentence]]
    """All of the lines must be met, each by any of its sentences."""
