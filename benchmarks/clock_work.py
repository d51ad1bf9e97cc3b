"""G10: ten years of plans billed, in one go for each agent, and month by month as days pass."""

import random
import time
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from billing.invoices import service as invoicing
from billing.plans import queries
from billing.plans import service as plans
from billing.plans.rules.clock import next_month
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import PlanVersion
from billing.plans.schemas import Desk
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.kit import clock, db, ids
from server.plans import jobs

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
_BILLED: Final = "SELECT count(*) FROM invoice WHERE agent_id = ANY ($1) AND state = 'final'"
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
    """Carry plans on, by the job that does it and one by one, and insert as many bare rows."""
    starts = next_month(clock.now().date())
    version = await _published(starts, rng)
    months = [starts]
    for _ in range(_YEARS * 12):
        months.append(next_month(months[-1]))
    by_itself = [
        await _carried(await _subscribed(version, starts, rng), months[-1])
        for _ in range(max(1, agents // 10))
    ]
    at_once = await _carried_by_job(version, months[-1:], agents, rng)
    by_month = await _carried_by_job(version, months[1:], agents, rng)
    raw = await _inserted(machine, agents, rng)
    for_all = _ALL / agents
    return [
        Figure(
            goal="G10",
            what=f"{_ALL:,} agents, {_YEARS} years in one go; measured with {agents:,}",
            unit="s",
            ours=Spread.of([for_all * sum(at_once)]),
            limit=_LIMIT_S,
            notes=[
                f"as many bare rows: {_ALL * raw:.1f} s",
                f"an agent a transaction: {_ALL * Spread.of(by_itself).median:.1f} s",
            ],
        ),
        Figure(
            goal="G10",
            what=f"{_ALL:,} agents, {_YEARS} years month by month; measured with {agents:,}",
            unit="s",
            ours=Spread.of([for_all * sum(by_month)]),
            limit=_LIMIT_S,
        ),
        Figure(goal="G10", what="a month of them all", unit="s", ours=Spread.of(by_month)),
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


async def _carried(agent_id: UUID, until: date) -> float:
    """Carry an agent's plan on in a transaction of its own; give the seconds."""
    begun = time.perf_counter()
    async with db.platform_transaction(_OPERATOR):
        carried = await invoicing.advance(agent_id, until, _desk())
    took = time.perf_counter() - begun
    assert len(carried.invoices) == _YEARS * 12, carried
    return took


async def _carried_by_job(
    version: PlanVersion, days: list[date], agents: int, rng: random.Random
) -> list[float]:
    """Have the job carry plans of new agents on to each of some days; give its seconds each day."""
    found = [await _subscribed(version, version.begins_on, rng) for _ in range(agents)]
    taken = []
    for until in days:
        now = datetime(until.year, until.month, until.day, 12, tzinfo=UTC)
        begun = time.perf_counter()
        await jobs.carry_on(now)
        taken.append(time.perf_counter() - begun)
    async with db.platform_transaction(_OPERATOR):
        behind = await queries.behind(days[-1], after=None, limit=1)
        billed = await db.connection().fetchval(_BILLED, found)
    assert not behind, behind
    assert billed == agents * _YEARS * 12, billed
    return taken


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
