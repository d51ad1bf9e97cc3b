"""A version is tried on past sales: the one they were paid by pays what they paid."""

import random
from datetime import timedelta

import msgspec
import pytest

from billing.commissions import trials
from billing.commissions.rules.plans import PlanVersion, Tier
from billing.commissions.schemas import PlanTrial
from tests.billing.commissions.test_service import TODAY, a_plan, a_sale, accrue, do
from tests.factories import new_id

pytestmark = pytest.mark.usefixtures("database")


async def tried(version: PlanVersion, *, limit: int = 50) -> PlanTrial:
    """Try a version on what was sold this month, in pages."""
    since = TODAY.replace(day=1)
    found = await do(trials.sales, version, since, TODAY)
    assert await do(trials.sales, version, since, TODAY, after=found[-1]) == []
    trial = trials.Trial(version, since, TODAY)
    trial.add(found)
    return trial.told(limit)


async def test_the_version_in_force_pays_to_the_fen_what_was_paid() -> None:
    rng = random.Random(20261129)
    plan = await a_plan(
        tiers=[{"at_least": 0, "rate": 33_333}, {"at_least": 900_00, "rate": 77_777}],
        floor_minor=7,
        cap_minor=200_00,
        upline_ppm=[123_456],
    )
    agents, above = [new_id(), new_id()], new_id()
    for _ in range(12):
        await accrue(a_sale(plan, rng.choice(agents), rng.randint(1, 900_00)), {agents[0]: above})

    same = await tried(plan)
    dearer = await tried(msgspec.structs.replace(plan, tiers=[Tier(at_least=0, rate=500_000)]))

    assert same.paid_minor == same.would_minor > 0
    assert all(each.paid_minor == each.would_minor for each in same.agents)
    assert (same.sales, same.left_out, {each.agent_id for each in same.agents}) == (
        *(12, 0, set(agents)),
    )
    # Half of what an agent sold, and no more than the cap.
    assert {each.agent_id: each.would_minor for each in dearer.agents} == {
        each.agent_id: min(each.sold // 2, 200_00) for each in dearer.agents
    }
    assert dearer.paid_minor == same.paid_minor


async def test_what_was_counted_otherwise_is_left_out_and_few_agents_are_shown() -> None:
    plan = await a_plan()
    for sold in (100_00, 300_00, 200_00):
        await accrue(a_sale(plan, new_id(), sold))
    in_pieces = msgspec.structs.replace(plan, measure="units")
    double = msgspec.structs.replace(plan, tiers=[Tier(at_least=0, rate=200_000)])

    other = await tried(in_pieces)
    shown = await tried(double, limit=2)
    earlier = await do(
        trials.sales, plan, TODAY.replace(day=1) - timedelta(days=9), TODAY - timedelta(days=9)
    )

    assert (other.sales, other.left_out, other.agents) == (0, 3, [])
    assert [each.paid_minor for each in shown.agents] == [30_00, 20_00]
    assert (shown.agents_count, shown.paid_minor, shown.would_minor) == (3, 60_00, 120_00)
    assert earlier == []
