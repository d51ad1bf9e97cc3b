"""What is behind an agent's lines: to the agent nothing of it that concerns others.

Platform's role only: an agent's own transaction reaches no sale. Whose lines are asked for is said
in each statement, so that a line of somebody else is as if it were not there.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from billing.commissions.queries import ZONE
from billing.commissions.schemas import Behind, LineMove, OwnSale
from billing.commissions.tables import CommissionLine, CommissionRefund

# Who only stands above the seller learns the day and the plan. What was sold is told to whom nobody
# shares the sale with: beside the plan it would tell the others' shares. The platform knows it all.
_TOLD: Final = """
CROSS JOIN LATERAL (SELECT {}::boolean OR line.level = 0 AS is_seller) seller
CROSS JOIN LATERAL (
    SELECT {}::boolean OR is_seller AND NOT EXISTS (
        SELECT FROM commission_line other
        WHERE other.sale_id = sale.id AND other.level = 0 AND other.agent_id <> line.agent_id
    ) AS is_alone
) alone
"""
_SALES: Final = f"""
SELECT line.id AS line_id, line.sale_id, line.level, line.amount_minor, line.payable_on, line.state,
    sale.on_day AS "on", sale.plan_id, version.begins_on AS plan_since,
    version.terms ->> 'measure' AS measure, line.currency,
    CASE WHEN is_seller THEN contract_number END AS contract_number,
    CASE WHEN is_alone THEN sold END AS sold,
    CASE WHEN is_alone THEN refunded END AS refunded,
    CASE WHEN is_seller AND sale.agent_id = line.agent_id THEN tier_base END AS tier_base,
    line.id || ARRAY(
        SELECT id FROM ledger_transfer WHERE pending_id = line.id
        UNION SELECT id FROM commission_item WHERE line_id = line.id ORDER BY id
    ) AS moved_by
FROM commission_line line JOIN commission_sale sale ON sale.id = line.sale_id
JOIN commission_plan_version version ON version.id = sale.version_id
{_TOLD}
WHERE line.agent_id = {{}} AND (
    line.id = ANY ({{}}::uuid[])
    OR line.id IN (SELECT line_id FROM commission_item WHERE id = ANY ({{}}::uuid[]))
    OR line.id IN (SELECT pending_id FROM ledger_transfer WHERE id = ANY ({{}}::uuid[]))
)
ORDER BY line.id
"""  # noqa: S608 - a constant
_REFUNDS: Final = f"""
SELECT line.id AS line_id, refund.id, (recorded_at AT TIME ZONE {{}})::date AS "on",
    CASE WHEN is_alone THEN refund.refunded END AS refunded,
    (div(line.amount_minor * (sold - before), sold)
        - div(line.amount_minor * (sold - before - refund.refunded), sold)
    )::bigint AS commission_minor,
    CASE WHEN is_seller THEN reason END AS reason
FROM commission_line line JOIN commission_sale sale ON sale.id = line.sale_id
CROSS JOIN LATERAL (
    SELECT id, refunded, recorded_at, reason,
        sum(refunded) OVER (ORDER BY recorded_at, id) - refunded AS before
    FROM commission_refund WHERE sale_id = sale.id
) refund
{_TOLD}
WHERE line.agent_id = {{}} AND line.id = ANY ({{}}::uuid[])
ORDER BY recorded_at, refund.id
"""  # noqa: S608 - a constant
_REASONS: Final = """
SELECT transfer.id, transfer.reason FROM ledger_transfer transfer
JOIN ledger_entry entry ON entry.transfer_id = transfer.id
JOIN ledger_account account ON account.id = entry.account_id
WHERE transfer.id = ANY ({}::uuid[]) AND account.kind = 'commission' AND account.owner_id = {}
    AND transfer.event IN ('commission.corrected', 'payout.failed', 'payout.returned')
    AND transfer.reason IS NOT NULL
"""
_MOVES: Final = """
SELECT line.id AS line_id, transfer.id AS transfer_id, transfer.event,
    (entry.effective_at AT TIME ZONE {})::date AS "on", entry.pending_minor, entry.posted_minor,
    CASE WHEN transfer.event = 'commission.corrected' THEN transfer.reason END AS reason
FROM commission_line line
CROSS JOIN LATERAL (
    SELECT line.id
    UNION SELECT id FROM ledger_transfer WHERE pending_id = line.id
    UNION SELECT id FROM commission_item WHERE line_id = line.id
) moved (id)
JOIN ledger_transfer transfer ON transfer.id = moved.id
JOIN ledger_entry entry ON entry.transfer_id = transfer.id
JOIN ledger_account account ON account.id = entry.account_id AND account.kind = 'commission'
WHERE line.id = ANY ({}::uuid[])
ORDER BY entry.effective_at, line.level, line.id, entry.version LIMIT 1000
"""


async def sales_behind(
    agent_id: UUID,
    line_ids: Sequence[UUID],
    transfer_ids: Sequence[UUID] = (),
    *,
    is_platform: bool = False,
) -> list[OwnSale]:
    """Give what an agent's lines come from.

    :param transfer_ids: what moved further lines.
    :param is_platform: who asks is not the agent, and learns what concerns others, too.
    """
    told = (is_platform, is_platform, agent_id)
    rows = await CommissionLine.raw(
        _SALES, *told, list(line_ids), list(transfer_ids), list(transfer_ids)
    )
    found = [row["line_id"] for row in rows]
    refunds: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in await CommissionRefund.raw(_REFUNDS, ZONE, *told, found):
        moved = uuid5(row["id"], str(row["line_id"]))
        refunds[row["line_id"]].append({**row, "transfer_id": moved})
    told_rows = [{**row, "refunds": refunds[row["line_id"]]} for row in rows]
    return msgspec.convert(told_rows, list[OwnSale])


async def behind(
    agent_id: UUID,
    transfer_ids: Sequence[UUID],
    line_ids: Sequence[UUID] = (),
    *,
    is_platform: bool = False,
) -> Behind:
    """Give what is behind movements of an agent's commission, and behind further lines.

    :param is_platform: as of the sales.
    """
    sales = await sales_behind(
        agent_id, [*line_ids, *transfer_ids], transfer_ids, is_platform=is_platform
    )
    rows = await CommissionLine.raw(_REASONS, list(transfer_ids), agent_id)
    return Behind(sales=sales, reasons={row["id"]: row["reason"] for row in rows})


async def moves(line_ids: Sequence[UUID]) -> list[LineMove]:
    """List what moved lines, the first one first; the first thousand."""
    return msgspec.convert(await CommissionLine.raw(_MOVES, ZONE, list(line_ids)), list[LineMove])
