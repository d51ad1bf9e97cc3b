"""G10: ten years of plans billed, in one go for each agent, and month by month as days pass."""

import random
import time
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from billing.invoices import service as invoicing
from billing.plans import service as plans
from billing.plans.rules.clock import next_month
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import PlanVersion
from billing.plans.schemas import Desk
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.kit import clock, db, ids

_OPERATOR: Final = Actor(
    user_id=PLATFORM_TENANT,
    tenant_id=PLATFORM_TENANT,
    role=Role.PLATFORM_FINANCE,
    scope=Scope.TENANT,
)
_YEARS: Final = 10
_ALL: Final = 1_000
"""Agents that the goal asks for; some of them are measured, and the rest would cost the same."""
_LIMIT_S: Final = 60.0
_MONTHS: Final = 12
"""Carried one by one, of other agents."""
_RAW: Final = """
CREATE TABLE raw_invoice (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), agent_id uuid NOT NULL, number bigint NOT NULL,
    total_minor bigint NOT NULL
)
"""
_ADD_RAW: Final = """
INSERT INTO raw_invoice (agent_id, number, total_minor)
SELECT $1, n, 10000 FROM generate_series(1, $2) n
"""


async def measure(machine: Machine, rng: random.Random, agents: int) -> list[Figure]:
    """Carry plans on, an agent a transaction, and insert as many bare rows."""
    starts = next_month(clock.now().date())
    version = await _published(starts, rng)
    until = starts.replace(year=starts.year + _YEARS)
    at_once = [
        await _carried(await _subscribed(version, starts, rng), [until]) for _ in range(agents)
    ]
    months = [starts]
    for _ in range(_MONTHS):
        months.append(next_month(months[-1]))
    by_month = [
        await _carried(await _subscribed(version, starts, rng), months[1:])
        for _ in range(max(1, agents // 10))
    ]
    raw = await _inserted(machine, agents, rng)
    return [
        Figure(
            goal="G10",
            what=f"{_ALL:,} agents, {_YEARS} years in one go each; measured with {agents}",
            unit="s",
            ours=Spread.of([_ALL * took for took in at_once]),
            limit=_LIMIT_S,
            notes=[f"as many bare rows: {_ALL * raw:.1f} s"],
        ),
        Figure(
            goal="G10",
            what="a month of an agent, carried by itself",
            unit="ms",
            ours=Spread.of([1_000 * took / _MONTHS for took in by_month]),
        ),
    ]


async def _published(starts: date, rng: random.Random) -> PlanVersion:
    """Publish a plan of 100 yuan a month."""
    now = clock.now()
    version = PlanVersion(
        id=ids.from_random(now, rng),
        plan_id=ids.from_random(now, rng),
        name="专业版",
        begins_on=starts,
        price_minor=100_00,
    )
    async with db.platform_transaction(_OPERATOR):
        await plans.publish(version, _desk())
    return version


def _desk() -> Desk:
    """Stand at the desk now."""
    now = clock.now()
    return Desk(platform_id=PLATFORM_TENANT, actor_id=PLATFORM_TENANT, today=now.date(), now=now)


async def _subscribed(version: PlanVersion, starts: date, rng: random.Random) -> UUID:
    """Let an agent of its own have the plan."""
    now = clock.now()
    agent_id = ids.from_random(now, rng)
    change = Change(
        id=ids.from_random(now, rng),
        agent_id=agent_id,
        begins_on=starts,
        plan_id=version.plan_id,
    )
    async with db.platform_transaction(_OPERATOR):
        await plans.change(change, _desk())
    return agent_id


async def _carried(agent_id: UUID, days: list[date]) -> float:
    """Carry an agent's plan on to each of the days, a transaction each; give the seconds."""
    begun = time.perf_counter()
    billed = 0
    for until in days:
        async with db.platform_transaction(_OPERATOR):
            billed += len((await invoicing.advance(agent_id, until, _desk())).invoices)
    took = time.perf_counter() - begun
    assert billed == (_YEARS * 12 if len(days) == 1 else len(days)), billed
    return took


async def _inserted(machine: Machine, agents: int, rng: random.Random) -> float:
    """Insert a bare row for each invoice, an agent a transaction; give the seconds of one agent."""
    bare = await asyncpg.connect(machine.superuser_url)
    try:
        await bare.execute(_RAW)
        begun = time.perf_counter()
        for _ in range(agents):
            await bare.execute(_ADD_RAW, ids.from_random(clock.now(), rng), _YEARS * 12)
        return (time.perf_counter() - begun) / agents
    finally:
        await bare.close()
