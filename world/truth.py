"""Know what is so in a world, and write it beside the world.

The counts come from the world itself. The plots (dormancy, defection, fabricated visits, benefit
rings) are drawn by a generator of their own, so that one more plot changes no customer.
"""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Literal

from world.model import (
    Agent,
    AgentTruth,
    BenefitRing,
    Customer,
    DealOutcome,
    Defection,
    Dormant,
    Fabrication,
    Platform,
    SharedEntity,
    Truth,
    World,
)
from world.people import new_id

_CAUSES: Final[tuple[Literal["rival_commission", "late_payout", "lost_arbitration"], ...]] = (
    "rival_commission",
    "late_payout",
    "lost_arbitration",
)
_RING_SIZE: Final = 3
_RETURN_PERCENT: Final = 40
_DEFECTION_PERCENT: Final = 10
_FABRICATION_PERCENT: Final = 8


def of(world: World) -> Truth:
    """Tell the truth about a world."""
    rng = random.Random(f"plots of {world.seed_name} on {world.today.isoformat()}")
    every = [customer for agent in world.agents for customer in agent.customers]
    return Truth(
        agents=tuple(_counts(agent, world.platform) for agent in world.agents),
        unique_end_customers=len({customer.uscc for customer in every}),
        agent_relations=len(every),
        shared=_shared(every),
        dormant=_dormant(rng, world, every),
        defections=_defections(rng, world),
        fabrications=_fabrications(rng, world),
        benefit_rings=_rings(rng, world),
    )


def _counts(agent: Agent, platform: Platform) -> AgentTruth:
    """Count what an agent has."""
    held = (*agent.customers, *agent.doubles())
    worth = {program.id: program.amount_minor for program in platform.programs}
    deals = [deal for customer in held for deal in customer.deals]
    return AgentTruth(
        tenant_id=agent.tenant_id,
        customers=len(held),
        doubles=len(agent.doubles()),
        by_status=_tally(customer.status for customer in held),
        by_city=_tally(customer.city for customer in held),
        by_industry=_tally(customer.industry for customer in held),
        contacts=sum(len(customer.contacts) for customer in held),
        visits=sum(len(customer.visits) for customer in held),
        won_minor=sum(deal.amount_minor for deal in deals if deal.outcome is DealOutcome.WON),
        benefits_minor=sum(
            worth[benefit.program_id] for customer in held for benefit in customer.benefits
        ),
    )


def _tally(values: Iterable[str]) -> dict[str, int]:
    """Count each value, in the order of the values."""
    return dict(sorted(Counter(values).items()))


def _shared(every: list[Customer]) -> tuple[SharedEntity, ...]:
    """Find the companies that several agents know."""
    holders: dict[str, list[Customer]] = {}
    for customer in every:
        holders.setdefault(customer.uscc, []).append(customer)
    return tuple(
        SharedEntity(uscc=uscc, customer_ids=tuple(customer.id for customer in held))
        for uscc, held in holders.items()
        if len(held) > 1
    )


def _dormant(rng: random.Random, world: World, every: list[Customer]) -> tuple[Dormant, ...]:
    """Say of each dormant customer since when it sleeps, and whether it will come back."""
    return tuple(
        Dormant(
            customer_id=customer.id,
            since=customer.visits[-1].written_at.date(),
            returns_on=world.today + timedelta(days=rng.randrange(1, 120))
            if rng.randrange(100) < _RETURN_PERCENT
            else None,
        )
        for customer in every
        if customer.status == "dormant"
    )


def _defections(rng: random.Random, world: World) -> tuple[Defection, ...]:
    """Choose the agents that a rival wins over: one in ten, at least one in a channel of ten."""
    count = len(world.agents) * _DEFECTION_PERCENT // 100
    return tuple(
        Defection(
            tenant_id=agent.tenant_id,
            on=world.today + timedelta(days=rng.randrange(30, 180)),
            cause=rng.choice(_CAUSES),
        )
        for agent in rng.sample(world.agents, count)
    )


def _fabrications(rng: random.Random, world: World) -> tuple[Fabrication, ...]:
    """Choose the reps some of whose visits never took place."""
    found = []
    for agent in world.agents:
        for rep in agent.reps():
            visits = [
                visit.id
                for customer in agent.customers
                for visit in customer.visits
                if visit.author_id == rep.id and visit.kind == "visit"
            ]
            if rng.randrange(100) < _FABRICATION_PERCENT and visits:
                chosen = set(rng.sample(range(len(visits)), (len(visits) + 1) // 2))
                kept = tuple(visit for place, visit in enumerate(visits) if place in chosen)
                found.append(Fabrication(user_id=rep.id, visit_ids=kept))
    return tuple(found)


def _rings(rng: random.Random, world: World) -> tuple[BenefitRing, ...]:
    """Let a few requests of one agent end at one phone that no record shows."""
    found = []
    for agent in world.agents:
        asked = [benefit.id for customer in agent.customers for benefit in customer.benefits]
        if len(asked) < _RING_SIZE or rng.randrange(4) > 0:
            continue
        # The tail of an id made here is as good a hidden phone as any, and repeats nobody's.
        hidden = new_id(rng, world.today).int % 10_000_000
        found.append(
            BenefitRing(
                tenant_id=agent.tenant_id,
                phone=f"+861921{hidden:07d}",
                benefit_ids=tuple(rng.sample(asked, _RING_SIZE)),
            )
        )
    return tuple(found)
