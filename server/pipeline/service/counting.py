"""Count on: bring the pipeline's totals up to the present, so that questions have little to add."""

from typing import Final
from uuid import UUID

from server.kit import db
from server.pipeline.queries.totals import KEY, LIVE, TOUCHED, WAS

BATCH: Final = 20_000
"""About how many changed deals are counted in one transaction."""
_HOLD: Final = """
INSERT INTO pipeline_mark (tenant_id, seq) VALUES ($1, -1)
ON CONFLICT (tenant_id) DO UPDATE SET seq = pipeline_mark.seq RETURNING seq
"""
_CLOCK: Final = "SELECT seq, min_seq FROM tenant_clock WHERE tenant_id = $1"
_UNTIL: Final = """
SELECT seq FROM opportunity WHERE tenant_id = $1 AND seq > $2 ORDER BY seq OFFSET $3 LIMIT 1
"""
_FORGET: Final = (
    "DELETE FROM opportunity_counted WHERE tenant_id = $1",
    "DELETE FROM pipeline_total WHERE tenant_id = $1",
)
_COUNT: Final = f"""
WITH mark AS MATERIALIZED (SELECT $2::bigint AS seq, $3::bigint AS until),
touched AS MATERIALIZED ({TOUCHED}),
live AS MATERIALIZED ({LIVE}),
was AS MATERIALIZED ({WAS}),
gone AS (
    DELETE FROM opportunity_counted k USING was WHERE k.tenant_id = $1
    AND k.opportunity_id = was.opportunity_id
    AND NOT EXISTS (SELECT FROM live WHERE live.opportunity_id = k.opportunity_id)
),
kept AS (
    INSERT INTO opportunity_counted (tenant_id, opportunity_id, {KEY}, amount_minor)
    SELECT $1, opportunity_id, {KEY}, amount_minor FROM live
    ON CONFLICT (tenant_id, opportunity_id) DO UPDATE SET ({KEY}, amount_minor) = (
        EXCLUDED.owner_id, EXCLUDED.team_id, EXCLUDED.process_id, EXCLUDED.stage, EXCLUDED.state,
        EXCLUDED.category, EXCLUDED.month, EXCLUDED.amount_minor
    )
),
differences AS (
    SELECT {KEY}, 1 AS deals, amount_minor FROM live
    UNION ALL SELECT {KEY}, -1, -amount_minor FROM was
)
INSERT INTO pipeline_total (tenant_id, grain, {KEY}, deals, amount_minor)
SELECT $1, grain, owner_id, team_id, process_id, stage, state,
    CASE WHEN grain = 'month' THEN category ELSE '' END AS category,
    CASE WHEN grain = 'month' THEN month ELSE '' END AS month,
    sum(deals), sum(amount_minor)
FROM differences, (VALUES ('stage'), ('month')) AS grains(grain)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(deals) <> 0 OR sum(amount_minor) <> 0
ON CONFLICT (tenant_id, grain, {KEY}) DO UPDATE
SET deals = pipeline_total.deals + EXCLUDED.deals,
    amount_minor = pipeline_total.amount_minor + EXCLUDED.amount_minor
"""  # noqa: S608 - constants
_TIDY: Final = "DELETE FROM pipeline_total WHERE tenant_id = $1 AND deals = 0 AND amount_minor = 0"
_MARK: Final = "UPDATE pipeline_mark SET seq = $2 WHERE tenant_id = $1"


async def count(tenant_id: UUID) -> None:
    """Count a tenant's deals up to its last change, in transactions of a bounded size."""
    while not await _count_on(tenant_id):
        pass


async def _count_on(tenant_id: UUID) -> bool:
    """Count some more; say whether nothing is left.

    What is written meanwhile has a greater sequence and is touched again next time; what a later
    statement sees of it already does no harm, because the totals are always the sum of what is
    counted.
    """
    async with db.tenant_transaction(tenant_id):
        connection = db.connection()
        mark = await connection.fetchval(_HOLD, tenant_id)
        clock = await connection.fetchrow(_CLOCK, tenant_id)
        if clock is None or mark == clock["seq"]:
            return True
        if mark < clock["min_seq"]:
            # Tombstones are gone that may not have been counted: begin anew.
            mark = -1
        if mark < 0:
            for statement in _FORGET:
                await connection.execute(statement, tenant_id)
        until = await connection.fetchval(_UNTIL, tenant_id, mark, BATCH) or clock["seq"]
        await connection.execute(_COUNT, tenant_id, mark, until)
        await connection.execute(_TIDY, tenant_id)
        await connection.execute(_MARK, tenant_id, until)
    return bool(until == clock["seq"])
