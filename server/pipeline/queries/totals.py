"""The pipeline in numbers: kept totals, and what has changed since they were counted.

`pipeline_total` is the sum of `opportunity_counted`, which says of each deal as what it is counted.
Both stand at a mark in the tenant's sequence. A question takes the totals, takes away what the
deals were that changed since, and adds what they are: exact at every moment, whichever way a deal
or its customer was written, and the writes pay nothing. A job moves the mark on
(`server.pipeline.service.counting`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.pipeline.queries.processes import versions
from server.pipeline.rules import NO_PROCESS
from server.pipeline.schemas import ForecastLine, Pipeline, ProcessView, StageTotal
from sync_protocol.process.definition import Definition

NOBODY: Final = UUID(int=0)
KEY: Final = "owner_id, team_id, process_id, stage, state, category, month"
LIVE: Final = f"""
    SELECT now.* FROM touched t, LATERAL (
        SELECT o.id AS opportunity_id,
            coalesce(c.owner_id, '{NOBODY}') AS owner_id,
            coalesce(c.team_id, '{NOBODY}') AS team_id,
            coalesce(o.process_id, '{NO_PROCESS}') AS process_id, o.stage, o.state,
            coalesce(o.forecast_category, 'pipeline') AS category,
            coalesce(left(o.expected_on, 7), 'none') AS month,
            coalesce(o.amount_minor, 0) AS amount_minor
        FROM opportunity o JOIN customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id
        WHERE o.tenant_id = $1 AND o.id = t.id AND NOT o.deleted AND NOT c.deleted OFFSET 0
    ) AS now
"""  # noqa: S608 - constants
"""As what the touched deals count now; each is looked up, so no plan reads all deals."""
WAS: Final = """
    SELECT held.* FROM touched t, LATERAL (
        SELECT k.* FROM opportunity_counted k
        WHERE k.tenant_id = $1 AND k.opportunity_id = t.id OFFSET 0
    ) AS held
"""
"""As what the touched deals are counted."""
TOUCHED: Final = """
    SELECT o.id FROM opportunity o
    WHERE o.tenant_id = $1 AND o.seq > (SELECT seq FROM mark) AND o.seq <= (SELECT until FROM mark)
    UNION
    SELECT o.id FROM customer c JOIN opportunity o
        ON o.tenant_id = c.tenant_id AND o.customer_id = c.id
    WHERE c.tenant_id = $1 AND c.scope_seq > c.created_seq
        AND c.scope_seq > (SELECT seq FROM mark) AND c.scope_seq <= (SELECT until FROM mark)
"""
"""The deals that may count otherwise than they did at the mark: they changed, or their customer
changed hands, ended or came back. Bounded on both sides, or a plan would take it for a third of all
deals."""
_MARK: Final = """
    SELECT coalesce((
        SELECT m.seq FROM pipeline_mark m JOIN tenant_clock t ON t.tenant_id = m.tenant_id
        WHERE m.tenant_id = $1 AND m.seq >= t.min_seq
    ), -1) AS seq, (SELECT t.seq FROM tenant_clock t WHERE t.tenant_id = $1) AS until
"""
"""-1 where nothing is counted, or tombstones that were not counted are gone; and up to when."""
_SCOPES: Final = {
    Scope.MINE: "owner_id = $2 AND ($3::uuid IS NULL OR TRUE)",
    Scope.TEAM: "(owner_id = $2 OR team_id = $3)",
    Scope.TENANT: "($2::uuid IS NOT NULL AND ($3::uuid IS NULL OR TRUE))",
}


def question(scope: Scope, grain: str) -> str:
    """Write the question for totals of a grain: $1 tenant, $2 person, $3 team."""
    by = (
        "process_id, stage, state" if grain == "stage" else f"process_id, stage, state, {_BY_MONTH}"
    )
    within = _SCOPES[scope]
    return f"""
        WITH mark AS MATERIALIZED ({_MARK}),
        touched AS MATERIALIZED ({TOUCHED}),
        was AS MATERIALIZED (
            SELECT * FROM ({WAS}) AS counted WHERE (SELECT seq FROM mark) >= 0
        ),
        live AS MATERIALIZED ({LIVE})
        SELECT {by}, sum(deals)::bigint AS deals, sum(amount_minor) AS amount_minor FROM (
            SELECT {by}, deals, amount_minor FROM pipeline_total
            WHERE tenant_id = $1 AND grain = '{grain}' AND {within} AND (SELECT seq FROM mark) >= 0
            UNION ALL SELECT {by}, -1, -amount_minor FROM was WHERE {within}
            UNION ALL SELECT {by}, 1, amount_minor FROM live WHERE {within}
        ) AS each GROUP BY {by} HAVING sum(deals) <> 0
    """  # noqa: S608 - constants


_BY_MONTH: Final = "category, month"
_QUESTIONS: Final = {
    (scope, grain): question(scope, grain) for scope in Scope for grain in ("stage", "month")
}


class Sum(msgspec.Struct, frozen=True):
    """Deals of one sort: how many, and what they are worth together."""

    process_id: UUID | None
    stage: str
    state: str
    deals: int
    amount_minor: int
    category: str = ""
    month: str = ""


async def sums(actor: Actor, grain: str) -> list[Sum]:
    """Count the deals within sight, by stage or by month as well: one statement."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(
            _QUESTIONS[actor.scope, grain], actor.tenant_id, actor.user_id, actor.team_id
        )
    return [_sum(dict(row)) for row in rows]


def _sum(row: dict[str, Any]) -> Sum:
    """Turn a row into a sum."""
    process_id = None if row["process_id"] == NO_PROCESS else row["process_id"]
    return Sum(**{**row, "process_id": process_id, "amount_minor": int(row["amount_minor"])})


async def pipeline(actor: Actor, family_id: UUID | None) -> Pipeline:
    """Give a process in numbers, all its versions together; the built-in one without a family.

    A stage that only an older version has stands before the signature.

    :raises NotFound: there is no such process.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        known = await versions(actor)
        found = await sums(actor, "stage")
    return numbers(known, found, family_id)


def numbers(
    known: Mapping[UUID | None, ProcessView], found: Iterable[Sum], family_id: UUID | None
) -> Pipeline:
    """Put the sums of a process's versions together."""
    family = [held for held in known.values() if held.family_id == family_id]
    if not family:
        raise NotFound
    newest = max(family, key=lambda held: held.version)
    mine = [each for each in found if known[each.process_id].family_id == family_id]
    stages = newest.definition.stages
    ids = [stage.id for stage in stages]
    past = sorted({each.stage for each in mine if each.state != "lost"} - set(ids))
    held = {each: _past(family, each) for each in past}
    totals = [
        StageTotal(
            stage=stage.id,
            name=stage.name,
            canonical=stage.canonical,
            probability=stage.probability,
            deals=sum(each.deals for each in _within(mine, stage.id)),
            amount_minor=sum(each.amount_minor for each in _within(mine, stage.id)),
        )
        for stage in (*stages[:-1], *held.values(), stages[-1])
    ]
    lost = [each for each in mine if each.state == "lost"]
    return Pipeline(
        process=newest,
        stages=totals,
        lost_deals=sum(each.deals for each in lost),
        lost_amount_minor=sum(each.amount_minor for each in lost),
        weighted_minor=weighted(known, mine),
    )


def _within(found: Iterable[Sum], stage: str) -> list[Sum]:
    """Give the sums of what stands in a stage and is not lost."""
    return [each for each in found if each.stage == stage and each.state != "lost"]


def _past(family: Iterable[ProcessView], stage_id: str) -> Any:
    """Find a stage in the newest version that has it."""
    newest_first = sorted(family, key=lambda held: -held.version)
    return next(
        stage for held in newest_first if (stage := held.definition.stage(stage_id)) is not None
    )


def weighted(known: Mapping[UUID | None, ProcessView], found: Iterable[Sum]) -> int:
    """Sum up open deals, each amount times the probability of its stage; half a fen goes up.

    Rounded once, at the end: parts that are shown need not add up to it.
    """
    hundredfold = sum(
        each.amount_minor * _probability(known[each.process_id].definition, each.stage)
        for each in found
        if each.state == "open"
    )
    return (hundredfold + 50) // 100


def _probability(definition: Definition, stage_id: str) -> int:
    """Give how likely a stage's deals are won; those of an unknown stage count nothing."""
    stage = definition.stage(stage_id)
    return stage.probability if stage else 0


async def forecast(actor: Actor) -> list[ForecastLine]:
    """Give the open deals within sight by forecast category and month, over all processes."""
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        known = await versions(actor)
        found = [each for each in await sums(actor, "month") if each.state == "open"]
    groups: dict[tuple[str, str], list[Sum]] = {}
    for each in found:
        groups.setdefault((each.month, each.category), []).append(each)
    return [
        ForecastLine(
            category=category,
            month=month,
            deals=sum(each.deals for each in group),
            amount_minor=sum(each.amount_minor for each in group),
            weighted_minor=weighted(known, group),
        )
        for (month, category), group in sorted(groups.items())
    ]
