"""Read plans. An agent's transaction sees the published and its own, the platform's role all."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from billing.plans.rules.versions import PlanVersion
from billing.plans.schemas import Behind, HolderRow, HoldersAsked, Subscription
from billing.plans.tables import SaasPlanVersion, SaasSubscription

_VERSIONS: Final = """
SELECT terms FROM saas_plan_version ORDER BY begins_on DESC, id DESC LIMIT 200
"""
_OF_PLAN: Final = "SELECT terms FROM saas_plan_version WHERE plan_id = {} ORDER BY begins_on"
# One statement: what an agent has is read as it was at one moment.
_HELD: Final = """
SELECT
    asked.agent_id,
    coalesce(held.clock_on, {}) AS clock_on,
    coalesce(held.standing, 'good') AS standing,
    held.parked_reason,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(change) ORDER BY change.begins_on), '[]')
        FROM saas_change change WHERE change.agent_id = held.agent_id
    ) AS changes,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(given) ORDER BY given.id), '[]')
        FROM saas_grant given WHERE given.agent_id = held.agent_id
    ) AS grants,
    (
        SELECT coalesce(jsonb_agg(version.terms ORDER BY version.begins_on), '[]')
        FROM saas_plan_version version WHERE version.plan_id IN (
            SELECT plan_id FROM saas_change change WHERE change.agent_id = held.agent_id
        )
    ) AS versions
FROM unnest({}::uuid[]) asked (agent_id)
LEFT JOIN saas_subscription held ON held.agent_id = asked.agent_id
ORDER BY asked.agent_id
"""
_HOLDERS: Final = """
SELECT held.agent_id, current.plan_id, current.begins_on AS plan_since, clock_on, standing,
    parked_reason
FROM saas_subscription held LEFT JOIN LATERAL (
    SELECT plan_id, begins_on FROM saas_change change
    WHERE change.agent_id = held.agent_id AND begins_on <= {} ORDER BY begins_on DESC LIMIT 1
) current ON true
WHERE ({}::uuid IS NULL OR current.plan_id = {}::uuid)
    AND ({}::text IS NULL OR standing = {}::text)
    AND ({}::uuid IS NULL OR held.agent_id > {}::uuid)
ORDER BY held.agent_id LIMIT {}
"""
_BEHIND: Final = """
SELECT agent_id, clock_on FROM saas_subscription
WHERE clock_on < {} AND parked_reason IS NULL AND ({}::uuid IS NULL OR agent_id > {}::uuid)
ORDER BY agent_id LIMIT {}
"""


async def versions() -> list[PlanVersion]:
    """List the versions of all plans, those that begin last first; the newest 200."""
    rows = await SaasPlanVersion.raw(_VERSIONS)
    return [msgspec.json.decode(row["terms"], type=PlanVersion) for row in rows]


async def plan(plan_id: UUID) -> list[PlanVersion]:
    """Give a plan's versions, the earliest first."""
    rows = await SaasPlanVersion.raw(_OF_PLAN, plan_id)
    return [msgspec.json.decode(row["terms"], type=PlanVersion) for row in rows]


async def subscription(agent_id: UUID, today: date) -> Subscription:
    """Give what an agent has; without a subscription that is what is free, from today on."""
    [held] = await subscriptions([agent_id], today)
    return held


async def subscriptions(agent_ids: Sequence[UUID], today: date) -> list[Subscription]:
    """Give what each of some agents has, in the order of their ids."""
    rows = await SaasSubscription.raw(_HELD, today, list(agent_ids))
    # Many have the same plans.
    read = {each: _by_plan(each) for each in {row["versions"] for row in rows}}
    return [
        msgspec.convert(
            {
                **row,
                "changes": msgspec.json.decode(row["changes"]),
                "grants": msgspec.json.decode(row["grants"]),
                "plans": read[row["versions"]],
            },
            Subscription,
        )
        for row in rows
    ]


def _by_plan(versions: str) -> dict[UUID, list[PlanVersion]]:
    """Read versions, and lay them out by plan."""
    plans: dict[UUID, list[PlanVersion]] = {}
    for version in msgspec.json.decode(versions, type=list[PlanVersion]):
        plans.setdefault(version.plan_id, []).append(version)
    return plans


async def behind(today: date, *, after: UUID | None, limit: int) -> list[Behind]:
    """List agents whose clock stands before a day and is not parked. Platform's role only."""
    rows = await SaasSubscription.raw(_BEHIND, today, after, after, limit)
    return msgspec.convert(rows, list[Behind])


async def holders(
    asked: HoldersAsked, today: date, *, after: UUID | None, limit: int
) -> list[HolderRow]:
    """List which plan each agent has on a day. Platform's role only.

    :param after: the last agent that was seen.
    """
    chosen = [value for value in (asked.plan_id, asked.standing, after) for _ in range(2)]
    rows = await SaasSubscription.raw(_HOLDERS, today, *chosen, limit)
    return msgspec.convert(rows, list[HolderRow])
