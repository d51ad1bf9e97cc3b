"""What is behind an agent's own lines, and nothing of it that concerns others.

Platform's role only: an agent's own transaction reaches no sale. Whose lines are asked for is said
in each statement, so that a line of somebody else is as if it were not there.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from billing.commissions.queries import ZONE
from billing.commissions.schemas import OwnSale
from billing.commissions.tables import CommissionLine, CommissionRefund

_SALES: Final = """
SELECT line.id AS line_id, sale.on_day AS "on", sale.plan_id, version.begins_on AS plan_since,
    version.terms ->> 'measure' AS measure, line.currency,
    CASE WHEN is_seller THEN contract_number END AS contract_number,
    CASE WHEN is_alone THEN sold END AS sold,
    CASE WHEN is_alone THEN refunded END AS refunded,
    CASE WHEN is_seller AND sale.agent_id = line.agent_id THEN tier_base END AS tier_base,
    ARRAY(SELECT id FROM commission_item WHERE line_id = line.id ORDER BY id) AS moved_by
FROM commission_line line JOIN commission_sale sale ON sale.id = line.sale_id
JOIN commission_plan_version version ON version.id = sale.version_id
CROSS JOIN LATERAL (SELECT line.level = 0 AS is_seller) seller
CROSS JOIN LATERAL (
    SELECT is_seller AND NOT EXISTS (
        SELECT FROM commission_line other
        WHERE other.sale_id = sale.id AND other.level = 0 AND other.agent_id <> line.agent_id
    ) AS is_alone
) alone
WHERE line.agent_id = {} AND (
    line.id = ANY ({}::uuid[])
    OR line.id IN (SELECT line_id FROM commission_item WHERE id = ANY ({}::uuid[]))
)
ORDER BY line.id
"""
_REFUNDS: Final = """
SELECT line.id AS line_id, refund.id, (recorded_at AT TIME ZONE {})::date AS "on",
    CASE WHEN line.level = 0 THEN reason END AS reason
FROM commission_refund refund JOIN commission_line line ON line.sale_id = refund.sale_id
WHERE line.agent_id = {} AND line.id = ANY ({}::uuid[])
ORDER BY recorded_at, refund.id
"""


async def sales_behind(
    agent_id: UUID, line_ids: Sequence[UUID], transfer_ids: Sequence[UUID] = ()
) -> list[OwnSale]:
    """Give what an agent's lines come from.

    Who only stands above the seller learns the day and the plan. What was sold is told to whom
    nobody shares the sale with: beside the plan it would tell the others' shares.

    :param transfer_ids: what moved further lines.
    """
    rows = await CommissionLine.raw(_SALES, agent_id, list(line_ids), list(transfer_ids))
    found = [row["line_id"] for row in rows]
    refunds: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in await CommissionRefund.raw(_REFUNDS, ZONE, agent_id, found):
        moved = uuid5(row["id"], str(row["line_id"]))
        refunds[row["line_id"]].append({**row, "transfer_id": moved})
    told = [{**row, "refunds": refunds[row["line_id"]]} for row in rows]
    return msgspec.convert(told, list[OwnSale])
