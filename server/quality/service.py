"""Look through the records of a company, and keep what was found for lists and averages."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Role, of_the_product
from server.kit import db
from server.quality import queries

_BATCH: Final = 500
_NEXT: Final = """
SELECT id FROM customer WHERE tenant_id = $1 AND id > $2 AND NOT deleted ORDER BY id LIMIT $3
"""
_KEEP: Final = """
INSERT INTO customer_quality (tenant_id, id, score, missing, is_double_by_phone, assessed_at)
SELECT $1, f.id, f.score, f.missing::jsonb, f.is_double_by_phone, $2
FROM UNNEST($3::uuid[], $4::bigint[], $5::text[], $6::boolean[])
    AS f(id, score, missing, is_double_by_phone)
ON CONFLICT (tenant_id, id) DO UPDATE SET score = excluded.score, missing = excluded.missing,
    is_double_by_phone = excluded.is_double_by_phone, assessed_at = excluded.assessed_at
"""
_DROP: Final = "DELETE FROM customer_quality WHERE tenant_id = $1 AND assessed_at < $2"


async def look_through(tenant_id: UUID, *, now: datetime) -> int:
    """Assess all of a company's records, so many at a time; say how many there are.

    What is gone since is dropped. It may run again: a later look takes an earlier one's place.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    after, count = UUID(int=0), 0
    while True:
        async with db.tenant_transaction(tenant_id):
            rows = await db.connection().fetch(_NEXT, tenant_id, after, _BATCH)
            ids = [row["id"] for row in rows]
            found = await queries.assess(product, ids, now=now)
            columns = (
                list(found),
                [each.score for each in found.values()],
                [msgspec.json.encode(each.missing).decode() for each in found.values()],
                [each.is_double_by_phone for each in found.values()],
            )
            await db.connection().execute(_KEEP, tenant_id, now, *columns)
            count += len(found)
            if len(ids) < _BATCH:
                await db.connection().execute(_DROP, tenant_id, now)
                return count
        after = ids[-1]
