"""What it would cost to match a rival's commission, and whether it pays: an instrument, no oracle.

For each agent and scenario a rival offers a multiple of the commission. How fast agents leave
follows from how much better that offer is than what they get, money and other value together. A
policy is worth what the agents that stay bring in over the horizon, after tax and discounted. All
is closed form: a month's survival is a power, a horizon a geometric sum.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, Protocol

import msgspec

from billing.commissions.rules.plans import PPM, Ppm
from billing.errors import BillingRefusal

_HAZARD_MAX: Final = 0.95
_EXPONENT_MAX: Final = 700.0
"""Beyond it no number is left; who is offered so much leaves as fast as anybody can."""
_STEPS: Final = 24
"""Hazards that are tried, and halvings between two of them."""


class Chance(Protocol):
    """Where scenarios are drawn from: a seeded `random.Random`."""

    def random(self) -> float:
        """Give a number from 0 up to 1."""


class AssumptionUnsound(BillingRefusal):
    """An assumption of a simulation cannot be."""

    code = "assumption_unsound"
    field = "question.believed"


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
    BENEFITS = "benefits"
    """It pays what it pays, and gives benefits beside: goods, tools, training."""


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

    months: Annotated[int, msgspec.Meta(ge=1, le=600)] = 36
    base_hazard: Annotated[float, msgspec.Meta(ge=0, le=_HAZARD_MAX)] = 0.01
    """The share of agents that leave in a month though nobody offers more."""
    elasticity: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.5
    """How much faster they leave when an offer is better by a whole commission: e to this."""
    spread: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """How far multiplier and elasticity are off in a scenario, at most, as a share of them."""
    monthly_discount: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.005
    tax_ppm: Ppm = 250_000
    deductible_ppm: Ppm = 50_000
    """Of the revenue; what commission exceeds is taxed all the same."""
    bonus_ppm: Ppm = 500_000
    """The bonus as a share of what the rival pays more until it vests."""
    vesting_months: Annotated[int, msgspec.Meta(ge=1, le=600)] = 12
    benefit_ppm: Ppm = 500_000
    """The cost of benefits as a share of what the rival pays more."""
    benefit_worth_ppm: Annotated[int, msgspec.Meta(ge=0, le=10 * PPM)] = PPM
    """What benefits are worth to an agent, as a share of their cost."""


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
    cost_p10_minor: int
    cost_p50_minor: int
    cost_p90_minor: int
    """What it is expected to pay more than now, before tax, while agents stay and leave."""
    best_in: int
    """In how many scenarios no other policy is worth more."""
    extra_minor: int
    """What it pays more than now, in the middle scenario, while agents stay."""
    left: float | None = None
    """How many agents are expected to have left at the end, in the middle scenario; null in
    answers from before it was kept."""


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
    valued = {
        policy: [_portfolio(agents, believed, each, policy) for each in drawn] for policy in Policy
    }
    worth = {policy: [each for each, _ in values] for policy, values in valued.items()}
    costs = {policy: [cost for _, cost in values] for policy, values in valued.items()}
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
                cost_p10_minor=_percentile(costs[policy], 10),
                cost_p50_minor=_percentile(costs[policy], 50),
                cost_p90_minor=_percentile(costs[policy], 90),
                best_in=sum(value == top for value, top in zip(values, best, strict=True)),
                extra_minor=sum(_extra(agent, believed, middle, policy) for agent in agents),
                left=round(sum(_leaves(agent, believed, middle, policy) for agent in agents), 1),
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
        matched, _ = _portfolio(agents, at, middle, policy)
        return matched - _portfolio(agents, at, middle, Policy.NONE)[0]

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
) -> tuple[int, int]:
    """Add up what all agents are worth, and what they are paid more than now."""
    given = _given(believed, policy)
    worth = cost = 0
    for agent in agents:
        one, more = _valued(agent, believed, scenario, given)
        worth += one
        cost += more
    return worth, cost


class _Given(msgspec.Struct, frozen=True):
    """What a policy gives, each as a share of what the rival pays more in a month."""

    raised: float = 0.0
    bonus: float = 0.0
    benefits: float = 0.0
    felt: float = 0.0
    """What of all that an agent feels in a month: a promised bonus keeps it as its part would."""


def _given(believed: Assumptions, policy: Policy) -> _Given:
    """Say what a policy gives."""
    match policy:
        case Policy.NONE:
            return _Given()
        case Policy.HALF:
            return _Given(raised=0.5, felt=0.5)
        case Policy.FULL:
            return _Given(raised=1.0, felt=1.0)
        case Policy.BONUS:
            monthly = believed.bonus_ppm / PPM
            return _Given(bonus=monthly * believed.vesting_months, felt=monthly)
        case Policy.BENEFITS:
            share = believed.benefit_ppm / PPM
            return _Given(benefits=share, felt=share * believed.benefit_worth_ppm / PPM)


def _worth(agent: Agent, believed: Assumptions, scenario: Scenario, policy: Policy) -> int:
    """Give what an agent brings over the horizon, after tax and discounted, in minor units."""
    return _valued(agent, believed, scenario, _given(believed, policy))[0]


def _valued(
    agent: Agent, believed: Assumptions, scenario: Scenario, given: _Given
) -> tuple[int, int]:
    """Give an agent's worth, and what it is expected to be paid more than now while it stays."""
    now = agent.commission_minor
    multiplier = max(1.0, agent.multiplier * scenario.multiplier)
    more = now * (multiplier - 1)
    raised, bonus, benefits = more * given.raised, more * given.bonus, more * given.benefits
    stays = _stays(agent, believed, scenario, given)
    kept = stays / (1 + believed.monthly_discount)
    profit = _after_tax(agent, believed, now + raised, benefits)
    worth = profit * _geometric(kept, believed.months)
    if not more:
        return round(worth), 0
    if not bonus:
        return round(worth), round((raised + benefits) * _geometric(stays, believed.months))
    # Paid at once, it is far above the month's limit: nothing of it is deducted.
    times = believed.months // believed.vesting_months
    worth -= bonus * _geometric(kept**believed.vesting_months, times)
    return round(worth), round(bonus * _geometric(stays**believed.vesting_months, times))


def _stays(agent: Agent, believed: Assumptions, scenario: Scenario, given: _Given) -> float:
    """Give the chance that an agent is still there after a month."""
    now = agent.commission_minor
    multiplier = max(1.0, agent.multiplier * scenario.multiplier)
    gap = _gap(agent, multiplier, now + now * (multiplier - 1) * given.felt)
    return 1 - _hazard(believed, believed.elasticity * scenario.elasticity, gap)


def _leaves(agent: Agent, believed: Assumptions, scenario: Scenario, policy: Policy) -> float:
    """Give the chance that an agent has left by the end of the horizon."""
    return 1 - _stays(agent, believed, scenario, _given(believed, policy)) ** believed.months


def _extra(agent: Agent, believed: Assumptions, scenario: Scenario, policy: Policy) -> int:
    """Give what a policy pays an agent more than now, over the horizon if it stays."""
    given = _given(believed, policy)
    more = agent.commission_minor * (max(1.0, agent.multiplier * scenario.multiplier) - 1)
    times = believed.months // believed.vesting_months
    return round(more * ((given.raised + given.benefits) * believed.months + given.bonus * times))


def _gap(agent: Agent, multiplier: float, felt: float) -> float:
    """Say by how many commissions the rival's offer is better than all that an agent has here."""
    if agent.commission_minor == 0:
        return 0.0
    offered = agent.commission_minor * multiplier
    return (offered - felt - agent.other_value_minor) / agent.commission_minor


def _hazard(believed: Assumptions, elasticity: float, gap: float) -> float:
    """Give the share that leaves in a month."""
    if gap <= 0:
        return believed.base_hazard
    exponent = elasticity * gap
    if exponent > _EXPONENT_MAX:
        return _HAZARD_MAX if believed.base_hazard else 0.0
    return min(_HAZARD_MAX, believed.base_hazard * math.exp(exponent))


def _after_tax(agent: Agent, believed: Assumptions, paid: float, benefits: float) -> float:
    """Give a month's profit: tax is due on commission above the limit, too.

    Benefits are deducted whole, as an ordinary expense.
    """
    limit = agent.revenue_minor * believed.deductible_ppm / PPM
    taxed = agent.margin_minor - (min(limit, paid)) - benefits
    if taxed < 0:
        taxed = 0.0
    return agent.margin_minor - paid - benefits - taxed * believed.tax_ppm / PPM


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
        "benefit_ppm": (0, believed.benefit_ppm, PPM),
        "benefit_worth_ppm": (0, believed.benefit_worth_ppm, 10 * PPM),
    }
    for name, (low, value, high) in allowed.items():
        if not low <= value <= high:
            raise AssumptionUnsound(f"{name} is from {low} to {high}.")
