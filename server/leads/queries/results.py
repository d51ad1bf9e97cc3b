"""What leads have come to, by the cohort in which they came in (S40, S43, S44)."""

from typing import Any, Final

import asyncpg

from server.access import Actor, Permission, ensure
from server.kit import db
from server.leads.rules.funnel import Step, each, rate
from server.leads.rules.states import STAGES
from server.leads.schemas import ChannelResult, CohortFunnel, HandoffQuality

_COHORT: Final = "to_char(received_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')"
_CHANNELS: Final = f"""
WITH came AS (
    SELECT {_COHORT} AS cohort, source_id, count(*) AS leads,
        count(*) FILTER (WHERE state = 'discarded') AS discarded,
        count(signed_at) AS signed, coalesce(sum(signed_minor), 0)::bigint AS signed_minor
    FROM raw_lead WHERE tenant_id = $1 GROUP BY 1, 2
), spent AS (
    SELECT to_char(spent_on, 'YYYY-MM') AS cohort, source_id,
        sum(amount_minor)::bigint AS cost_minor
    FROM lead_cost WHERE tenant_id = $1 GROUP BY 1, 2
)
SELECT coalesce(came.cohort, spent.cohort) AS cohort,
    coalesce(came.source_id, spent.source_id) AS source_id,
    coalesce(leads, 0) AS leads, coalesce(discarded, 0) AS discarded,
    coalesce(signed, 0) AS signed, coalesce(signed_minor, 0) AS signed_minor,
    coalesce(cost_minor, 0) AS cost_minor
FROM came FULL JOIN spent ON came.cohort = spent.cohort AND came.source_id = spent.source_id
ORDER BY 1 DESC, 2 NULLS LAST LIMIT 500
"""  # noqa: S608 - constants
_FUNNEL: Final = f"""
SELECT {_COHORT} AS cohort, count(*) AS lead, count(pre_opportunity_at) AS pre_opportunity,
    count(opportunity_at) AS opportunity, count(signed_at) AS signed,
    {
    ", ".join(
        f"percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM {after} - {before}))"
        f" / 86400 AS {name}_days"
        for name, before, after in (
            ("pre_opportunity", "received_at", "pre_opportunity_at"),
            ("opportunity", "pre_opportunity_at", "opportunity_at"),
            ("signed", "opportunity_at", "signed_at"),
        )
    )
}
FROM raw_lead WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1 DESC LIMIT 36
"""  # noqa: S608 - constants
_HANDOFFS: Final = """
SELECT source_id, sum(route_count)::bigint AS routed, sum(return_count)::bigint AS returned
FROM raw_lead WHERE tenant_id = $1 AND route_count > 0 GROUP BY 1 ORDER BY 3 DESC, 1 NULLS LAST
"""


async def channels(actor: Actor) -> list[ChannelResult]:
    """Tell by source and cohort what leads cost and brought; the last cohort first.

    Costs are those of the days of the cohort's month; a signing counts where the lead came in.
    """
    return [_channel(row) for row in await _fetch(actor, _CHANNELS)]


def _channel(row: asyncpg.Record) -> ChannelResult:
    """Work out what one lead and one signing cost and brought."""
    return ChannelResult(
        **dict(row),
        cost_per_lead_minor=each(row["cost_minor"], row["leads"]),
        cost_per_signed_minor=each(row["cost_minor"], row["signed"]),
        value_per_signed_minor=each(row["signed_minor"], row["signed"]),
    )


async def funnels(actor: Actor) -> list[CohortFunnel]:
    """Tell how each cohort has come along; the last one first."""
    return [
        CohortFunnel(cohort=row["cohort"], steps=_steps(row))
        for row in await _fetch(actor, _FUNNEL)
    ]


def _steps(row: asyncpg.Record) -> list[Step]:
    """Put conversion and days beside the counts."""
    steps: list[Step] = []
    before: int | None = None
    for stage in STAGES:
        leads = row[stage.value]
        days: Any = row.get(f"{stage}_days")
        steps.append(
            Step(
                stage=stage,
                leads=leads,
                conversion=None if before is None else rate(leads, before),
                days=None if days is None else float(days),
            )
        )
        before = leads
    return steps


async def handoffs(actor: Actor) -> list[HandoffQuality]:
    """Tell how often leads of each source come back, or are not answered in time."""
    return [
        HandoffQuality(**dict(row), return_rate=rate(row["returned"], row["routed"]))
        for row in await _fetch(actor, _HANDOFFS)
    ]


async def _fetch(actor: Actor, statement: str) -> list[asyncpg.Record]:
    """Ask one question about the company's leads."""
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows: list[asyncpg.Record] = await db.connection().fetch(statement, actor.tenant_id)
    return rows
