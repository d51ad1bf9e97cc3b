"""What it would cost to match a rival's commission, and whether it pays: an instrument, no oracle.

For each agent and scenario a rival offers a multiple of the commission. How fast agents leave
follows from how much better that offer is than what they get, money and other value together. A
policy is worth what the agents that stay bring in over the horizon, after tax and discounted. All
is closed form: a month's survival is a power, a horizon a geometric sum.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from billing.commissions.rules.plans import PPM
from billing.errors import BillingRefusal

_HAZARD_MAX: Final = 0.95
_STEPS: Final = 24
"""Hazards that are tried, and halvings between two of them."""


class Chance(Protocol):
    """Where scenarios are drawn from: a seeded `random.Random`."""

    def random(self) -> float:
        """Give a number from 0 up to 1."""


class AssumptionUnsound(BillingRefusal):
    """An assumption of a simulation cannot be."""

    code = "assumption_unsound"


class Policy(StrEnum):
    """What the platform does."""

    NONE = "none"
    """It pays what it pays."""
    HALF = "half"
    """It pays half of what the rival pays more."""
    FULL = "full"
    """It pays what the rival pays."""
    BONUS = "bonus"
    """It promises a bonus to who is still there when it vests, every time anew."""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's business in a month, in minor units."""

    revenue_minor: int
    margin_minor: int
    """What the platform has of it before commission."""
    commission_minor: int
    multiplier: float = 2.0
    """How many times its commission rivals were heard to offer, 1 to 3."""
    other_value_minor: int = 0
    """What tools, history and quick answers are worth to it."""


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed; every number is data."""

    months: int = 36
    base_hazard: float = 0.01
    """The share of agents that leave in a month though nobody offers more."""
    elasticity: float = 1.5
    """How much faster they leave when an offer is better by a whole commission: e to this."""
    spread: float = 0.5
    """How far multiplier and elasticity are off in a scenario, at most, as a share of them."""
    monthly_discount: float = 0.005
    tax_ppm: int = 250_000
    deductible_ppm: int = 50_000
    """Of the revenue; what commission exceeds is taxed all the same."""
    bonus_ppm: int = 500_000
    """The bonus as a share of what the rival pays more until it vests."""
    vesting_months: int = 12


class Scenario(msgspec.Struct, frozen=True):
    """How one future differs: factors on what is believed."""

    multiplier: float
    elasticity: float


class PolicyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy is worth over all agents, in minor units."""

    policy: Policy
    p10_minor: int
    p50_minor: int
    p90_minor: int
    best_in: int
    """In how many scenarios no other policy is worth more."""
    extra_minor: int
    """What it pays more than now, in the middle scenario, while agents stay."""


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation's answer."""

    scenarios: int
    results: list[PolicyResult]
    break_even_hazard: dict[Policy, float | None]
    """The lowest monthly share that leaves anyway at which a policy beats doing nothing; None where
    it never does."""


def simulate(
    agents: Sequence[Agent], believed: Assumptions, *, scenarios: int, chance: Chance
) -> Simulated:
    """Value every policy in every scenario. The same seed gives the same answer, to the byte.

    :raises AssumptionUnsound: something believed cannot be.
    """
    _ensure_sound(believed)
    drawn = [_draw(believed, chance) for _ in range(scenarios)]
    worth = {
        policy: [_portfolio(agents, believed, each, policy) for each in drawn] for policy in Policy
    }
    best = [max(worth[policy][at] for policy in Policy) for at in range(scenarios)]
    middle = Scenario(1.0, 1.0)
    return Simulated(
        scenarios=scenarios,
        results=[
            PolicyResult(
                policy=policy,
                p10_minor=_percentile(values, 10),
                p50_minor=_percentile(values, 50),
                p90_minor=_percentile(values, 90),
                best_in=sum(value == top for value, top in zip(values, best, strict=True)),
                extra_minor=sum(_extra(agent, believed, middle, policy) for agent in agents),
            )
            for policy, values in worth.items()
        ],
        break_even_hazard={
            policy: break_even(agents, believed, policy) for policy in Policy if policy != "none"
        },
    )


def best_policies(agents: Sequence[Agent], believed: Assumptions) -> list[Policy]:
    """Choose for each agent the policy that is worth most in the middle scenario.

    Among equals the one that pays least.
    """
    middle = Scenario(1.0, 1.0)
    return [
        max(Policy, key=lambda policy: _worth(agent, believed, middle, policy)) for agent in agents
    ]


def cheapest_raise(agent: Agent, believed: Assumptions, *, hazard_max: float) -> int | None:
    """Give the least raise, in minor units a month, by which an agent leaves no faster than asked.

    None where the rival's whole offer would not do.
    """
    offered = round(agent.commission_minor * max(1.0, agent.multiplier))
    low, high = 0, max(0, offered - agent.commission_minor)

    def is_enough(more: int) -> bool:
        gap = _gap(agent, agent.multiplier, agent.commission_minor + more)
        return _hazard(believed, believed.elasticity, gap) <= hazard_max

    if not is_enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


def break_even(agents: Sequence[Agent], believed: Assumptions, policy: Policy) -> float | None:
    """Find the lowest hazard at which a policy beats doing nothing, in the middle scenario.

    None where it does at none of those that are tried, which lie closer the lower they are.
    """
    middle = Scenario(1.0, 1.0)

    def gain(hazard: float) -> int:
        at = msgspec.structs.replace(believed, base_hazard=hazard)
        return _portfolio(agents, at, middle, policy) - _portfolio(agents, at, middle, Policy.NONE)

    tried = [_HAZARD_MAX * (step / _STEPS) ** 3 for step in range(_STEPS + 1)]
    above = next((at for at, hazard in enumerate(tried) if gain(hazard) > 0), None)
    if above is None or above == 0:
        return None if above is None else 0.0
    low, high = tried[above - 1], tried[above]
    for _ in range(_STEPS):
        half = (low + high) / 2
        low, high = (low, half) if gain(half) > 0 else (half, high)
    return round(high, 9)


# ------------------------------------------------------------------------------ one agent's worth


def _portfolio(
    agents: Sequence[Agent], believed: Assumptions, scenario: Scenario, policy: Policy
) -> int:
    """Add up what all agents are worth."""
    return sum(_worth(agent, believed, scenario, policy) for agent in agents)


def _worth(agent: Agent, believed: Assumptions, scenario: Scenario, policy: Policy) -> int:
    """Give what an agent brings over the horizon, after tax and discounted, in minor units."""
    multiplier = max(1.0, agent.multiplier * scenario.multiplier)
    paid, bonus = _paid(agent, believed, multiplier, policy)
    # A promised bonus keeps an agent as its monthly part would.
    felt = paid + bonus / believed.vesting_months
    hazard = _hazard(
        believed, believed.elasticity * scenario.elasticity, _gap(agent, multiplier, felt)
    )
    kept = (1 - hazard) / (1 + believed.monthly_discount)
    worth = _after_tax(agent, believed, paid) * _geometric(kept, believed.months)
    if bonus:
        times = believed.months // believed.vesting_months
        vested = _geometric(kept**believed.vesting_months, times)
        # Paid at once, it is far above the month's limit: nothing of it is deducted.
        worth -= bonus * vested
    return round(worth)


def _paid(
    agent: Agent, believed: Assumptions, multiplier: float, policy: Policy
) -> tuple[float, float]:
    """Give the commission of a month under a policy, and the bonus that vests."""
    more = agent.commission_minor * (multiplier - 1)
    match policy:
        case Policy.NONE:
            return agent.commission_minor, 0.0
        case Policy.HALF:
            return agent.commission_minor + more / 2, 0.0
        case Policy.FULL:
            return agent.commission_minor + more, 0.0
        case Policy.BONUS:
            return agent.commission_minor, more * believed.vesting_months * believed.bonus_ppm / PPM


def _extra(agent: Agent, believed: Assumptions, scenario: Scenario, policy: Policy) -> int:
    """Give what a policy pays an agent more than now, over the horizon if it stays."""
    multiplier = max(1.0, agent.multiplier * scenario.multiplier)
    paid, bonus = _paid(agent, believed, multiplier, policy)
    times = believed.months // believed.vesting_months
    return round((paid - agent.commission_minor) * believed.months + bonus * times)


def _gap(agent: Agent, multiplier: float, felt: float) -> float:
    """Say by how many commissions the rival's offer is better than all that an agent has here."""
    if agent.commission_minor == 0:
        return 0.0
    offered = agent.commission_minor * multiplier
    return (offered - felt - agent.other_value_minor) / agent.commission_minor


def _hazard(believed: Assumptions, elasticity: float, gap: float) -> float:
    """Give the share that leaves in a month."""
    return min(_HAZARD_MAX, believed.base_hazard * math.exp(elasticity * max(0.0, gap)))


def _after_tax(agent: Agent, believed: Assumptions, paid: float) -> float:
    """Give a month's profit: tax is due on commission above the limit, too."""
    deductible = min(paid, agent.revenue_minor * believed.deductible_ppm / PPM)
    taxed = max(0.0, agent.margin_minor - deductible)
    return agent.margin_minor - paid - taxed * believed.tax_ppm / PPM


def _geometric(factor: float, count: int) -> float:
    """Add up factor + factor^2 + ... so many times."""
    if factor == 1.0:
        return float(count)
    return factor * (1 - factor**count) / (1 - factor)


# ------------------------------------------------------------------------------------- scenarios


def _draw(believed: Assumptions, chance: Chance) -> Scenario:
    """Draw how far off the beliefs are."""
    low, width = 1 - believed.spread, 2 * believed.spread
    return Scenario(low + width * chance.random(), low + width * chance.random())


def _percentile(values: Sequence[int], percent: int) -> int:
    """Give the value that so many percent do not exceed: one of the values, never between two."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _ensure_sound(believed: Assumptions) -> None:
    """Refuse beliefs that cannot be."""
    allowed: Mapping[str, tuple[float, float, float]] = {
        "months": (1, believed.months, 600),
        "base_hazard": (0, believed.base_hazard, _HAZARD_MAX),
        "elasticity": (0, believed.elasticity, 10),
        "spread": (0, believed.spread, 1),
        "monthly_discount": (0, believed.monthly_discount, 1),
        "tax_ppm": (0, believed.tax_ppm, PPM),
        "deductible_ppm": (0, believed.deductible_ppm, PPM),
        "bonus_ppm": (0, believed.bonus_ppm, PPM),
        "vesting_months": (1, believed.vesting_months, 600),
    }
    for name, (low, value, high) in allowed.items():
        if not low <= value <= high:
            raise AssumptionUnsound(f"{name} is from {low} to {high}.")
