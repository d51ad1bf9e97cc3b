"""Tags that nobody uses do not pile up (S15): they are counted every night, and retired in time."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Role, of_the_product
from server.audit import service as audit
from server.customers.rules.search import tag_token
from server.customers.service import tags
from server.kit import db

TOPIC: Final = "customers.tags"
UNUSED_DAYS: Final = 90
"""For how long no customer has carried a tag that is retired."""
_COUNT: Final = """
INSERT INTO tag_use (tenant_id, tag_id, customers, used_at)
SELECT $1, t.id, (
    SELECT count(*) FROM customer_token k WHERE k.tenant_id = $1 AND k.token = u.token
), coalesce((
    SELECT max(c.at) FROM change c
    WHERE c.tenant_id = $1 AND c.root_id = t.id AND c.kind = 'tag' AND c.record_id = t.id
), t.created_at)
FROM tag t JOIN UNNEST($2::uuid[], $3::text[]) AS u(id, token) ON u.id = t.id
WHERE t.tenant_id = $1 ORDER BY t.id
ON CONFLICT (tenant_id, tag_id) DO UPDATE SET
    customers = excluded.customers,
    used_at = CASE
        WHEN excluded.customers > 0 THEN $4 ELSE greatest(tag_use.used_at, excluded.used_at)
    END
"""
_UNUSED: Final = """
SELECT t.id FROM tag t JOIN tag_use u ON u.tenant_id = t.tenant_id AND u.tag_id = t.id
WHERE t.tenant_id = $1 AND NOT t.deleted AND u.customers = 0 AND u.used_at < $2 ORDER BY t.id
"""


async def retire_unused(tenant_id: UUID, *, now: datetime) -> list[UUID]:
    """Count who carries each tag, and retire what nobody has carried for 90 days; name these.

    A tag that was written or taken back in the meantime is as good as used.
    """
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="automation")
    async with db.tenant_transaction(tenant_id):
        ids = await db.connection().fetch(
            "SELECT id FROM tag WHERE tenant_id = $1 AND NOT deleted", tenant_id
        )
        tag_ids = [row["id"] for row in ids]
        tokens = [tag_token(str(tag_id)) for tag_id in tag_ids]
        await db.connection().execute(_COUNT, tenant_id, tag_ids, tokens, now)
        unused = await db.connection().fetch(_UNUSED, tenant_id, now - timedelta(days=UNUSED_DAYS))
        for row in unused:
            await tags.delete_tag(product, row["id"], base=None, now=now)
            await audit.record(
                product, "tag.retired", subject_id=row["id"], now=now, unused_days=UNUSED_DAYS
            )
    return [row["id"] for row in unused]
