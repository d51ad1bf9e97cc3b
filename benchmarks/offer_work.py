"""B9: what matching a rival would cost, for many agents in many futures, in plain Python."""

import random
import time
from typing import Final

import msgspec

from benchmarks.figures import Figure, Spread
from billing.commissions.rules import counter_offer
from billing.commissions.rules.counter_offer import Agent, Assumptions, Policy

_SCENARIOS: Final = 200
_RUNS: Final = 3


def measure(rng: random.Random, size: int) -> list[Figure]:
    """Simulate some times; each must give the same bytes."""
    agents = [_agent(rng) for _ in range(size)]
    believed = Assumptions()
    seed = rng.getrandbits(32)
    taken_s, answers = [], set()
    for _ in range(_RUNS):
        begun = time.process_time()
        answer = counter_offer.simulate(
            agents, believed, scenarios=_SCENARIOS, chance=random.Random(seed)
        )
        taken_s.append(time.process_time() - begun)
        answers.add(msgspec.json.encode(answer))
    assert len(answers) == 1, "the same seed gives the same bytes"
    what = (
        f"{size:,} agents, {believed.months} months, {_SCENARIOS} futures, {len(Policy)} policies"
    )
    spread = Spread.of(taken_s)
    return [Figure(goal="B9", what=f"CPU of a counter-offer: {what}", unit="s", ours=spread)]


def _agent(rng: random.Random) -> Agent:
    """Make an agent of some size, to whom rivals were heard to offer something."""
    revenue = rng.randint(10_000_00, 1_000_000_00)
    return Agent(
        revenue_minor=revenue,
        margin_minor=revenue // 4,
        commission_minor=revenue // 20,
        multiplier=rng.uniform(1.0, 3.0),
        other_value_minor=rng.randint(0, revenue // 40),
    )
