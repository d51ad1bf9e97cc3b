"""Sum up: put the rows of each sort of leads together, so that the board has few to add."""

from typing import Final
from uuid import UUID

from server.kit import db

_SUM_UP: Final = """
WITH several AS (
    SELECT id FROM (
        SELECT id, count(*) OVER (PARTITION BY state, verdict, assignee_id) AS rows
        FROM lead_count WHERE tenant_id = $1
    ) AS each WHERE rows > 1
),
gone AS (
    DELETE FROM lead_count c USING several WHERE c.tenant_id = $1 AND c.id = several.id
    RETURNING c.state, c.verdict, c.assignee_id, c.leads
)
INSERT INTO lead_count (tenant_id, id, state, verdict, assignee_id, leads)
SELECT $1, gen_random_uuid(), state, verdict, assignee_id, sum(leads) FROM gone
GROUP BY state, verdict, assignee_id HAVING sum(leads) <> 0
"""


async def sum_up(tenant_id: UUID) -> None:
    """Put what was counted of a company's leads together; the sums stay what they are.

    Whoever does so at the same moment finds the rows gone that this takes, and leaves them out.
    """
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_SUM_UP, tenant_id)
