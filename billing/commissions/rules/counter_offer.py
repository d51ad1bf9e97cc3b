"""What it would cost to match a rival's commission, and whether it pays: an instrument, no oracle.

For each agent and scenario a rival offers a multiple of the commission. How fast agents leave
follows from how much better that offer is than what they get, money and other value together. A
policy is worth what the agents that stay bring in over the horizon, after tax and discounted. All
is closed form: a month's survival is a power, a horizon a geometric sum.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache, partial
from operator import mul, sub
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


class _Given(msgspec.Struct, frozen=True):
    """What a policy gives, each as a share of what the rival pays more in a month."""

    raised: float = 0.0
    bonus: float = 0.0
    benefits: float = 0.0
    felt: float = 0.0
    """What of all that an agent feels in a month: a promised bonus keeps it as its part would."""


class _Business(msgspec.Struct, frozen=True):
    """What no scenario changes of agents, a column each, since there are millions of values."""

    now: list[int]
    """What an agent is paid in a month."""
    multiplier: list[float]
    other: list[int]
    """What else it has here."""
    margin: list[int]
    limit: list[float]
    """As much of its commission is deducted."""
    profit: list[float]
    """What it brings in a month, after tax, where it is paid no more than now."""


class _Offers(msgspec.Struct, frozen=True):
    """What a rival offers agents in a scenario."""

    more: list[float]
    """What it pays more than now."""
    whole: list[float]
    """What it pays in all."""


class _Courses(msgspec.Struct, frozen=True):
    """What becomes of agents under a policy, however many of them leave anyway; a column each."""

    growth: list[float]
    """How many times as fast as others it leaves."""
    profit: list[float]
    """What it brings in a month, after tax."""
    monthly: list[float]
    """What it is paid more than now, in a month; empty where that is nothing."""
    bonus: list[float]
    """What it is paid whenever a bonus vests; empty where none is promised."""


def simulate(
    agents: Sequence[Agent], believed: Assumptions, *, scenarios: int, chance: Chance
) -> Simulated:
    """Value every policy in every scenario. The same seed gives the same answer, to the byte.

    :raises AssumptionUnsound: something believed cannot be.
    """
    _ensure_sound(believed)
    drawn = [_draw(believed, chance) for _ in range(scenarios)]
    given = {policy: _given(believed, policy) for policy in Policy}
    worth: dict[Policy, list[int]] = {policy: [] for policy in Policy}
    costs: dict[Policy, list[int]] = {policy: [] for policy in Policy}
    business = _business(agents, believed)
    for scenario in drawn:
        offers = _offers(business, scenario)
        for policy in Policy:
            courses = _courses(business, offers, believed, scenario, given[policy])
            value, cost = _summed(courses, believed, believed.base_hazard)
            worth[policy].append(value)
            costs[policy].append(cost)
    best = [max(worth[policy][at] for policy in Policy) for at in range(scenarios)]
    middle = _in_the_middle(agents, believed)
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
                extra_minor=sum(_extra(agent, believed, given[policy]) for agent in agents),
                left=round(sum(_left(middle[policy], believed)), 1),
            )
            for policy, values in worth.items()
        ],
        break_even_hazard=_break_even(middle, believed),
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
        growth = _growths([believed.elasticity * gap])
        return _hazards(growth, believed.base_hazard)[0] <= hazard_max

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
    return _break_even(_in_the_middle(agents, believed), believed)[policy]


def _break_even(
    middle: Mapping[Policy, _Courses], believed: Assumptions
) -> dict[Policy, float | None]:
    """Find it for each policy that does something; what hazards do not change is in the courses."""

    @cache
    def worth(policy: Policy, hazard: float) -> int:
        return _summed(middle[policy], believed, hazard)[0]

    def is_gain(policy: Policy, hazard: float) -> bool:
        return worth(policy, hazard) > worth(Policy.NONE, hazard)

    return {
        policy: _first_gain(partial(is_gain, policy))
        for policy in Policy
        if policy is not Policy.NONE
    }


def _first_gain(is_gain: Callable[[float], bool]) -> float | None:
    """Find the lowest hazard at which something is gained, among some and between two of them."""
    tried = [_HAZARD_MAX * (step / _STEPS) ** 3 for step in range(_STEPS + 1)]
    above = next((at for at, hazard in enumerate(tried) if is_gain(hazard)), None)
    if above is None or above == 0:
        return None if above is None else 0.0
    low, high = tried[above - 1], tried[above]
    for _ in range(_STEPS):
        half = (low + high) / 2
        low, high = (low, half) if is_gain(half) else (half, high)
    return round(high, 9)


# ------------------------------------------------------------------------------ what agents bring


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


def _business(agents: Sequence[Agent], believed: Assumptions) -> _Business:
    """Lay out agents' business in columns."""
    now = [agent.commission_minor for agent in agents]
    margin = [agent.margin_minor for agent in agents]
    limit = [agent.revenue_minor * believed.deductible_ppm / PPM for agent in agents]
    nothing = [0.0] * len(now)
    return _Business(
        now=now,
        multiplier=[agent.multiplier for agent in agents],
        other=[agent.other_value_minor for agent in agents],
        margin=margin,
        limit=limit,
        profit=_profits(margin, limit, now, nothing, believed.tax_ppm),
    )


def _offers(business: _Business, scenario: Scenario) -> _Offers:
    """Say what the rival offers, whatever the policy."""
    factor = scenario.multiplier
    times = [heard if (heard := each * factor) > 1.0 else 1.0 for each in business.multiplier]
    return _Offers(
        more=[now * (each - 1) for now, each in zip(business.now, times, strict=True)],
        whole=list(map(mul, business.now, times)),
    )


def _courses(
    business: _Business, offers: _Offers, believed: Assumptions, scenario: Scenario, given: _Given
) -> _Courses:
    """Say what becomes of agents under a policy."""
    elasticity = believed.elasticity * scenario.elasticity
    felt, raised, benefits = given.felt, given.raised, given.benefits
    exponents = [
        elasticity * ((whole - (now + more * felt) - other) / now) if now else 0.0
        for now, more, whole, other in zip(
            business.now, offers.more, offers.whole, business.other, strict=True
        )
    ]
    profit, monthly = business.profit, list[float]()
    if raised or benefits:
        paid = [now + more * raised for now, more in zip(business.now, offers.more, strict=True)]
        beside = [more * benefits for more in offers.more]
        profit = _profits(business.margin, business.limit, paid, beside, believed.tax_ppm)
        monthly = [more * raised + more * benefits for more in offers.more]
    return _Courses(
        growth=_growths(exponents),
        profit=profit,
        monthly=monthly,
        bonus=[more * given.bonus for more in offers.more] if given.bonus else [],
    )


def _in_the_middle(agents: Sequence[Agent], believed: Assumptions) -> dict[Policy, _Courses]:
    """Say what becomes of agents under each policy where everything is as it is believed."""
    middle = Scenario(1.0, 1.0)
    business = _business(agents, believed)
    offers = _offers(business, middle)
    return {
        policy: _courses(business, offers, believed, middle, _given(believed, policy))
        for policy in Policy
    }


def _profits(
    margin: Sequence[int],
    limit: Sequence[float],
    paid: Sequence[float],
    beside: Sequence[float],
    tax_ppm: int,
) -> list[float]:
    """Give a month's profits: tax is due on commission above the limit, too.

    Benefits beside it are deducted whole, as an ordinary expense.
    """
    # A call of min for each would take as long as the rest.
    return [
        brought - commission - benefits - taxed * tax_ppm / PPM
        if (taxed := brought - (most if most < commission else commission) - benefits) > 0  # noqa: FURB136
        else brought - commission - benefits
        for brought, most, commission, benefits in zip(margin, limit, paid, beside, strict=True)
    ]


def _summed(courses: _Courses, believed: Assumptions, base_hazard: float) -> tuple[int, int]:
    """Add up what agents bring over the horizon, discounted, and what they are paid more than now.

    A bonus is paid at once and far above the month's limit: nothing of it is deducted.
    """
    months, vesting = believed.months, believed.vesting_months
    discount = 1 + believed.monthly_discount
    stays = [1 - hazard for hazard in _hazards(courses.growth, base_hazard)]
    kept = [each / discount for each in stays]
    brought = map(mul, courses.profit, _geometric(kept, months))
    if not courses.bonus:
        paid = map(mul, courses.monthly, _geometric(stays, months)) if courses.monthly else ()
        return sum(map(round, brought)), sum(map(round, paid))
    times = months // vesting
    kept_to_vest = _geometric([each**vesting for each in kept], times)
    brought = map(sub, brought, map(mul, courses.bonus, kept_to_vest))
    paid = map(mul, courses.bonus, _geometric([each**vesting for each in stays], times))
    return sum(map(round, brought)), sum(map(round, paid))


def _growths(exponents: Sequence[float]) -> list[float]:
    """Say how many times as fast agents leave; endless where no number is left."""
    return [
        1.0 if each <= 0 else math.exp(each) if each <= _EXPONENT_MAX else math.inf
        for each in exponents
    ]


def _left(courses: _Courses, believed: Assumptions) -> list[float]:
    """Give the chances that agents have left by the end of the horizon."""
    hazards = _hazards(courses.growth, believed.base_hazard)
    return [1 - (1 - hazard) ** believed.months for hazard in hazards]


def _hazards(growth: Sequence[float], base: float) -> list[float]:
    """Give the shares that leave in a month."""
    if not base:
        return [0.0] * len(growth)
    return [hazard if (hazard := base * each) < _HAZARD_MAX else _HAZARD_MAX for each in growth]


def _geometric(factors: Sequence[float], count: int) -> list[float]:
    """Add up factor + factor^2 + ... so many times, for each factor."""
    return [
        each * (1 - each**count) / (1 - each) if each != 1.0 else float(count) for each in factors
    ]


def _valued(
    agent: Agent, believed: Assumptions, scenario: Scenario, given: _Given
) -> tuple[int, int]:
    """Give one agent's worth, and what it is paid more than now."""
    business = _business([agent], believed)
    courses = _courses(business, _offers(business, scenario), believed, scenario, given)
    return _summed(courses, believed, believed.base_hazard)


def _worth(agent: Agent, believed: Assumptions, scenario: Scenario, policy: Policy) -> int:
    """Give what one agent brings over the horizon, after tax and discounted, in minor units."""
    return _valued(agent, believed, scenario, _given(believed, policy))[0]


def _extra(agent: Agent, believed: Assumptions, given: _Given) -> int:
    """Give what a policy pays an agent more than now, over the horizon if it stays."""
    more = agent.commission_minor * (max(1.0, agent.multiplier) - 1)
    times = believed.months // believed.vesting_months
    return round(more * ((given.raised + given.benefits) * believed.months + given.bonus * times))


def _gap(agent: Agent, multiplier: float, felt: float) -> float:
    """Say by how many commissions the rival's offer is better than all that an agent has here."""
    if agent.commission_minor == 0:
        return 0.0
    offered = agent.commission_minor * multiplier
    return (offered - felt - agent.other_value_minor) / agent.commission_minor


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
