"""Read commissions. An agent's transaction sees its own, the platform's role all."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from piccolo.table import Table

from billing.commissions import histories
from billing.commissions.rules import accounts
from billing.commissions.rules.payouts import Item
from billing.commissions.rules.plans import PlanVersion
from billing.commissions.rules.statements import (
    Statement,
    StatementKind,
    StatementLine,
    statement,
)
from billing.commissions.schemas import (
    AccruedRow,
    BatchNotFound,
    BatchRow,
    BatchView,
    ChosenSales,
    LineView,
    PaymentView,
    RefundRow,
    SaleNotFound,
    SaleRow,
)
from billing.commissions.tables import (
    CommissionItem,
    CommissionLine,
    CommissionPlanVersion,
    CommissionRefund,
    CommissionSale,
    PayoutBatch,
    PayoutPayment,
)

ZONE: Final = "Asia/Shanghai"
"""Where a month begins."""
_PLAN: Final = "SELECT terms FROM commission_plan_version WHERE plan_id = {} ORDER BY begins_on"
_PLANS: Final = """
SELECT terms FROM commission_plan_version ORDER BY begins_on DESC, id DESC LIMIT 200
"""
_SOLD: Final = """
SELECT coalesce(sum(sold), 0) AS sold FROM commission_sale
WHERE plan_id = {} AND agent_id = {} AND date_trunc('month', on_day) = date_trunc('month', {}::date)
"""
_LINE: Final = """
SELECT id, sale_id, agent_id, level, currency, amount_minor, payable_on, state
FROM commission_line WHERE
"""
_OF_TRANSFER: Final = """
SELECT line_id FROM commission_item WHERE id = {}
UNION ALL SELECT id FROM commission_line WHERE id = {}
"""
_SALE: Final = """
SELECT sale.id, sale.plan_id, version_id, sale.agent_id, contract_id, contract_number,
    on_day AS "on", version.terms ->> 'measure' AS measure,
    version.terms ->> 'currency' AS currency,
    sold, refunded, tier_base, revenue_minor,
    (
        SELECT coalesce(sum(amount_minor), 0)::bigint FROM commission_line WHERE sale_id = sale.id
    ) AS commission_minor
FROM commission_sale sale JOIN commission_plan_version version ON version.id = sale.version_id
WHERE
"""
_SALES: Final = (
    _SALE
    + """
({}::uuid IS NULL OR sale.agent_id = {}::uuid)
    AND ({}::uuid IS NULL OR sale.plan_id = {}::uuid)
    AND ({}::uuid IS NULL OR contract_id = {}::uuid)
    AND ({}::date IS NULL OR on_day >= {}::date)
    AND ({}::date IS NULL OR on_day <= {}::date)
    AND ({}::date IS NULL OR (on_day, sale.id) < ({}::date, {}::uuid))
ORDER BY on_day DESC, sale.id DESC LIMIT {}
"""
)
_SHARING: Final = """
SELECT agent_id FROM commission_sale WHERE id = ANY ({}::uuid[])
UNION SELECT agent_id FROM commission_line WHERE sale_id = ANY ({}::uuid[])
"""
_REFUNDS: Final = """
SELECT refund.id, refund.refunded, recorded_at, reason, (
    SELECT coalesce(sum(
        div(amount_minor * (sold - before), sold)
        - div(amount_minor * (sold - before - refund.refunded), sold)
    ), 0)::bigint FROM commission_line WHERE sale_id = sale.id
) AS commission_minor
FROM commission_sale sale CROSS JOIN LATERAL (
    SELECT id, refunded, recorded_at, reason,
        sum(refunded) OVER (ORDER BY recorded_at, id) - refunded AS before
    FROM commission_refund WHERE sale_id = sale.id
) refund
WHERE sale.id = {} ORDER BY recorded_at, refund.id LIMIT 1000
"""
_FREE: Final = """
SELECT id, agent_id, currency, amount_minor FROM commission_item item
WHERE NOT EXISTS (SELECT FROM payout_item taken WHERE taken.item_id = item.id AND taken.is_live)
ORDER BY id
"""
_OWN_LINES: Final = (
    _LINE
    + """
agent_id = {} AND ({}::date IS NULL OR (payable_on, id) < ({}::date, {}::uuid))
ORDER BY payable_on DESC, id DESC LIMIT {}
"""
)
_ACCRUED: Final = """
WITH held AS (
    SELECT line.agent_id, currency,
        sum(div(amount_minor::numeric * (sold - refunded), sold)) AS held_minor
    FROM commission_line line JOIN commission_sale sale ON sale.id = line.sale_id
    WHERE state = 'held' GROUP BY line.agent_id, currency
), moved AS (
    SELECT item.agent_id, item.currency,
        sum(item.amount_minor) FILTER (WHERE payment.id IS NULL) AS free_minor,
        sum(item.amount_minor) FILTER (WHERE payment.state <> 'paid') AS in_payout_minor,
        sum(item.amount_minor) FILTER (WHERE payment.state = 'paid') AS paid_minor
    FROM commission_item item
    LEFT JOIN payout_item taken ON taken.item_id = item.id AND taken.is_live
    LEFT JOIN payout_payment payment ON payment.id = taken.payment_id
    GROUP BY item.agent_id, item.currency
)
SELECT agent_id, currency, coalesce(held_minor, 0)::bigint AS held_minor,
    coalesce(free_minor, 0)::bigint AS free_minor,
    coalesce(in_payout_minor, 0)::bigint AS in_payout_minor,
    coalesce(paid_minor, 0)::bigint AS paid_minor
FROM held FULL JOIN moved USING (agent_id, currency)
WHERE {}::uuid IS NULL OR (agent_id, currency) > ({}::uuid, {}::text)
ORDER BY agent_id, currency LIMIT {}
"""
_BATCHES: Final = """
SELECT id, number, made_by, made_at, approved_by, approved_at, discarded_at,
    (
        SELECT coalesce(jsonb_object_agg(currency, net_minor), jsonb_build_object()) FROM (
            SELECT currency, sum(amount_minor - withheld_minor) AS net_minor
            FROM payout_payment WHERE batch_id = batch.id GROUP BY currency
        ) each
    ) AS net_minor,
    (SELECT count(*) FROM payout_payment WHERE batch_id = batch.id) AS payments,
    (
        SELECT count(*) FROM payout_payment
        WHERE batch_id = batch.id AND state IN ('drafted', 'ordered')
    ) AS open_payments
FROM payout_batch batch
WHERE {}::timestamptz IS NULL OR (made_at, id) < ({}::timestamptz, {}::uuid)
ORDER BY made_at DESC, id DESC LIMIT {}
"""
_BATCH: Final = """
SELECT id, number, hash, made_by, made_at, approved_by, approved_at, discarded_at
FROM payout_batch WHERE id = {}
"""
_PAYMENT: Final = """
SELECT id, agent_id, currency, amount_minor, withheld_minor,
    amount_minor - withheld_minor AS net_minor, state, reason,
    ARRAY(
        SELECT item_id FROM payout_item WHERE payment_id = payment.id ORDER BY item_id
    ) AS item_ids
FROM payout_payment payment WHERE
"""
_MOVED: Final = """
SELECT entry.transfer_id, (entry.effective_at AT TIME ZONE {})::date AS "on", transfer.event,
    entry.currency, entry.posted_minor AS amount_minor,
    CASE WHEN transfer.event IN ('payout.failed', 'payout.returned') THEN transfer.reason END
        AS reason
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
    "tax.withheld": StatementKind.WITHHELD,
    "tax.given_back": StatementKind.WITHHELD_RETURNED,
}


async def is_taken(table: type[Table], key: UUID) -> bool:
    """Say whether a table has a row with an id."""
    return await table.exists().where(table._meta.primary_key == key)  # noqa: SLF001 - Piccolo's


async def plans() -> list[PlanVersion]:
    """List the versions of all plans, those that began last first; the newest 200."""
    rows = await CommissionPlanVersion.raw(_PLANS)
    return [msgspec.json.decode(row["terms"], type=PlanVersion) for row in rows]


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


async def line_moved_by(transfer_id: UUID) -> UUID | None:
    """Give the line that a transfer is of: what held it, or what moved it since."""
    rows = await CommissionItem.raw(_OF_TRANSFER, transfer_id, transfer_id)
    return rows[0]["line_id"] if rows else None


async def lines_of_agent(
    agent_id: UUID, *, before: tuple[date, UUID] | None, limit: int
) -> list[LineView]:
    """List what an agent gets for sales, what is payable last first.

    :param before: day and id of the last one that was seen.
    """
    day, line_id = before or (None, None)
    rows = await CommissionLine.raw(_OWN_LINES, agent_id, day, day, line_id, limit)
    return msgspec.convert(rows, list[LineView])


async def sales(
    chosen: ChosenSales, *, before: tuple[date, UUID] | None, limit: int
) -> list[SaleRow]:
    """List sales, the last days first. Platform's role only.

    :param before: day and id of the last one that was seen.
    """
    day, sale_id = before or (None, None)
    asked = [value for value in msgspec.structs.astuple(chosen) for _ in range(2)]
    rows = await CommissionSale.raw(_SALES, *asked, day, day, sale_id, limit)
    return msgspec.convert(rows, list[SaleRow])


async def agents_of(sale_ids: Sequence[UUID]) -> list[UUID]:
    """List who sold or shares one of these sales. Platform's role only."""
    wanted = list(sale_ids)
    return [row["agent_id"] for row in await CommissionSale.raw(_SHARING, wanted, wanted)]


async def refunds_of(sale_id: UUID) -> list[RefundRow]:
    """List what was refunded of a sale, the first one first. Platform's role only.

    :raises SaleNotFound: there is no such sale.
    """
    await ensure_sold(sale_id)
    return msgspec.convert(await CommissionRefund.raw(_REFUNDS, sale_id), list[RefundRow])


async def sale(sale_id: UUID) -> SaleRow:
    """Give one sale. Platform's role only.

    :raises SaleNotFound: there is none.
    """
    rows = await CommissionSale.raw(_SALE + "sale.id = {}", sale_id)
    if not rows:
        raise SaleNotFound("There is no such sale.")
    return msgspec.convert(rows[0], SaleRow)


async def ensure_sold(sale_id: UUID) -> None:
    """Refuse to speak of a sale that is not there. Platform's role only.

    :raises SaleNotFound: there is none.
    """
    if not await is_taken(CommissionSale, sale_id):
        raise SaleNotFound("There is no such sale.")


async def free_items() -> list[Item]:
    """List what is in no live payment. Platform's role only."""
    return msgspec.convert(await CommissionItem.raw(_FREE), list[Item])


async def accrued(*, after: tuple[UUID, str] | None, limit: int) -> list[AccruedRow]:
    """List what each agent has earned and how far it has come, by agent. Platform's role only.

    :param after: agent and currency of the last one that was seen.
    """
    agent_id, currency = after or (None, None)
    rows = await CommissionLine.raw(_ACCRUED, agent_id, agent_id, currency, limit)
    return msgspec.convert(rows, list[AccruedRow])


async def batches(*, before: tuple[datetime, UUID] | None, limit: int) -> list[BatchRow]:
    """List payout batches, the newest first. Platform's role only.

    :param before: time and id of the last one that was seen.
    """
    made_at, batch_id = before or (None, None)
    rows = await PayoutBatch.raw(_BATCHES, made_at, made_at, batch_id, limit)
    found = [{**row, "net_minor": msgspec.json.decode(row["net_minor"])} for row in rows]
    return msgspec.convert(found, list[BatchRow])


async def batch(batch_id: UUID, *, lock: bool = False) -> BatchView:
    """Give a batch with its payments. Platform's role only.

    :raises BatchNotFound: there is none.
    """
    rows = await PayoutBatch.raw(_BATCH + (" FOR NO KEY UPDATE" if lock else ""), batch_id)
    if not rows:
        raise BatchNotFound("There is no such batch.")
    where = "batch_id = {} ORDER BY agent_id, currency"
    paid = await histories.added(await PayoutPayment.raw(_PAYMENT + where, batch_id))
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
    [found] = await histories.added(rows)
    return msgspec.convert(found, PaymentView)


async def statement_of(agent_id: UUID, period: date, currency: str) -> Statement:
    """Make an agent's statement of a month from the ledger's own entries. Platform's role only."""
    account = accounts.commission_account(agent_id, currency)
    rows: list[dict[str, Any]] = await CommissionItem.raw(_MOVED, ZONE, account)
    lines = [msgspec.convert({**row, "kind": _KINDS[row["event"]]}, StatementLine) for row in rows]
    before = sum(each.amount_minor for each in lines if each.on < period)
    return statement(agent_id, period, currency, before, lines)
