"""Read commissions. An agent's transaction sees its own, the platform's role all."""

from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.commissions.rules import accounts
from billing.commissions.rules.payouts import Item
from billing.commissions.rules.plans import PlanVersion
from billing.commissions.rules.statements import (
    Statement,
    StatementKind,
    StatementLine,
    statement,
)
from billing.commissions.schemas import BatchNotFound, BatchView, LineView, PaymentView
from billing.commissions.tables import (
    CommissionItem,
    CommissionLine,
    CommissionPlanVersion,
    CommissionSale,
    PayoutBatch,
    PayoutPayment,
)

ZONE: Final = "Asia/Shanghai"
"""Where a month begins."""
_PLAN: Final = "SELECT terms FROM commission_plan_version WHERE plan_id = {} ORDER BY begins_on"
_SOLD: Final = """
SELECT coalesce(sum(sold), 0)::bigint AS sold FROM commission_sale
WHERE plan_id = {} AND agent_id = {} AND date_trunc('month', on_day) = date_trunc('month', {}::date)
"""
_LINE: Final = """
SELECT id, sale_id, agent_id, level, currency, amount_minor, payable_on, state
FROM commission_line WHERE
"""
_FREE: Final = """
SELECT id, agent_id, currency, amount_minor FROM commission_item item
WHERE NOT EXISTS (SELECT FROM payout_item taken WHERE taken.item_id = item.id AND taken.is_live)
ORDER BY id
"""
_BATCH: Final = "SELECT id, hash, made_by, approved_by FROM payout_batch WHERE id = {}"
_PAYMENT: Final = """
SELECT id, agent_id, currency, amount_minor, state,
    ARRAY(
        SELECT item_id FROM payout_item WHERE payment_id = payment.id ORDER BY item_id
    ) AS item_ids
FROM payout_payment payment WHERE
"""
_MOVED: Final = """
SELECT entry.transfer_id, (entry.effective_at AT TIME ZONE {})::date AS "on", transfer.event,
    entry.currency, entry.posted_minor AS amount_minor
FROM ledger_entry entry JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
WHERE entry.account_id = {} AND entry.posted_minor <> 0 ORDER BY entry.version
"""
_KINDS: Final = {
    "commission.earned": StatementKind.EARNED,
    "commission.clawed_back": StatementKind.CLAWED_BACK,
    "commission.corrected": StatementKind.CORRECTED,
    "payout.ordered": StatementKind.PAID_OUT,
    "payout.failed": StatementKind.PAYMENT_RETURNED,
    "payout.returned": StatementKind.PAYMENT_RETURNED,
}


async def plan(plan_id: UUID) -> list[PlanVersion]:
    """Give a plan's versions, the earliest first."""
    rows = await CommissionPlanVersion.raw(_PLAN, plan_id)
    return [msgspec.json.decode(row["terms"], type=PlanVersion) for row in rows]


async def sold_in_month(plan_id: UUID, agent_id: UUID, on: date) -> int:
    """Give what an agent has sold by a plan in the month of a day."""
    [row] = await CommissionSale.raw(_SOLD, plan_id, agent_id, on)
    return int(row["sold"])


async def lines_of(sale_id: UUID) -> list[LineView]:
    """Give who gets what for a sale."""
    rows = await CommissionLine.raw(_LINE + "sale_id = {} ORDER BY level, id", sale_id)
    return msgspec.convert(rows, list[LineView])


async def line(line_id: UUID) -> LineView | None:
    """Give one line."""
    rows = await CommissionLine.raw(_LINE + "id = {}", line_id)
    return msgspec.convert(rows[0], LineView) if rows else None


async def free_items() -> list[Item]:
    """List what is in no live payment. Platform's role only."""
    return msgspec.convert(await CommissionItem.raw(_FREE), list[Item])


async def batch(batch_id: UUID, *, lock: bool = False) -> BatchView:
    """Give a batch with its payments. Platform's role only.

    :raises BatchNotFound: there is none.
    """
    rows = await PayoutBatch.raw(_BATCH + (" FOR NO KEY UPDATE" if lock else ""), batch_id)
    if not rows:
        raise BatchNotFound("There is no such batch.")
    where = "batch_id = {} ORDER BY agent_id, currency"
    paid = await PayoutPayment.raw(_PAYMENT + where, batch_id)
    return msgspec.convert({**rows[0], "payments": paid}, BatchView)


async def payment(payment_id: UUID, *, lock: bool = False) -> PaymentView:
    """Give one payment. Platform's role only.

    :raises BatchNotFound: there is none.
    """
    rows = await PayoutPayment.raw(
        _PAYMENT + "id = {}" + (" FOR NO KEY UPDATE" if lock else ""), payment_id
    )
    if not rows:
        raise BatchNotFound("There is no such payment.")
    return msgspec.convert(rows[0], PaymentView)


async def statement_of(agent_id: UUID, period: date, currency: str) -> Statement:
    """Make an agent's statement of a month from the ledger's own entries. Platform's role only."""
    account = accounts.commission_account(agent_id, currency)
    rows: list[dict[str, Any]] = await CommissionItem.raw(_MOVED, ZONE, account)
    lines = [msgspec.convert({**row, "kind": _KINDS[row["event"]]}, StatementLine) for row in rows]
    before = sum(each.amount_minor for each in lines if each.on < period)
    return statement(agent_id, period, currency, before, lines)
