"""What a year's sales came to, as tax asks for it. Platform's role only, all of it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions.queries import ZONE
from billing.commissions.rules.meter import OnContract, meter
from billing.commissions.rules.plans import PPM
from billing.commissions.schemas import (
    AgentYear,
    ContractMeter,
    MeterTotal,
    YearLine,
    YearPayment,
    YearTotal,
)
from billing.commissions.tables import CommissionItem, CommissionSale, PayoutPayment

DEDUCTIBLE_PPM: Final = 50_000
"""Caishui [2009] 29: 5 % of a contract's revenue, for ordinary companies; other trades differ."""

_CONTRACTS: Final = """
WITH sale AS (
    SELECT sale.id, contract_id, contract_number, sold, refunded,
        version.terms ->> 'currency' AS currency,
        div(revenue_minor::numeric * (sold - refunded), sold) AS revenue
    FROM commission_sale sale JOIN commission_plan_version version ON version.id = sale.version_id
    WHERE on_day >= {} AND on_day < {}
        AND ({}::uuid[] IS NULL OR contract_id = ANY ({}::uuid[]))
), held AS (
    SELECT sale_id, sum(div(amount_minor::numeric * (sold - refunded), sold)) AS minor
    FROM commission_line line JOIN sale ON sale.id = line.sale_id
    WHERE line.state = 'held' GROUP BY sale_id
), moved AS (
    SELECT sale_id, sum(item.amount_minor) AS minor,
        sum(item.amount_minor) FILTER (WHERE payment.state = 'paid') AS paid
    FROM commission_item item JOIN commission_line line ON line.id = item.line_id
    JOIN sale ON sale.id = line.sale_id
    LEFT JOIN payout_item taken ON taken.item_id = item.id AND taken.is_live
    LEFT JOIN payout_payment payment ON payment.id = taken.payment_id
    GROUP BY sale_id
), cost AS (
    SELECT sale.*, coalesce(held.minor, 0) + coalesce(moved.minor, 0) AS commission,
        coalesce(moved.paid, 0) AS paid
    FROM sale LEFT JOIN held ON held.sale_id = sale.id LEFT JOIN moved ON moved.sale_id = sale.id
)
SELECT contract_id, currency, max(contract_number) AS contract_number, count(*) AS sales,
    count(*) FILTER (WHERE revenue IS NULL) AS unknown_sales,
    coalesce(sum(revenue), 0)::bigint AS revenue_minor,
    coalesce(sum(commission) FILTER (WHERE revenue IS NOT NULL), 0)::bigint AS commission_minor,
    coalesce(sum(commission) FILTER (WHERE revenue IS NULL), 0)::bigint AS unmetered_minor,
    sum(paid)::bigint AS paid_minor
FROM cost GROUP BY contract_id, currency ORDER BY contract_id, currency
"""
_SHARING: Final = """
WITH sale AS (
    SELECT id, agent_id FROM commission_sale
    WHERE on_day >= {} AND on_day < {} AND contract_id = ANY ({}::uuid[])
)
SELECT agent_id FROM sale
UNION SELECT line.agent_id FROM commission_line line JOIN sale ON sale.id = line.sale_id
"""
# What has come back was paid before that; in rows from before either was kept, when it was let go.
_BANK: Final = """
WITH bank AS (
    SELECT payment.id, payment.currency, amount_minor, withheld_minor, false AS is_return,
        coalesce(paid_at, CASE WHEN state = 'paid' THEN settled_at END, approved_at) AS at
    FROM payout_payment payment JOIN payout_batch batch ON batch.id = payment.batch_id
    WHERE payment.agent_id = {} AND state IN ('paid', 'returned')
    UNION ALL
    SELECT payment.id, payment.currency, -amount_minor, -withheld_minor, true,
        coalesce(settled_at, approved_at)
    FROM payout_payment payment JOIN payout_batch batch ON batch.id = payment.batch_id
    WHERE payment.agent_id = {} AND state = 'returned'
)
"""
_PAYMENTS: Final = f"""{_BANK}
SELECT id AS payment_id, (at AT TIME ZONE {{}})::date AS "on", is_return, currency, amount_minor,
    withheld_minor, amount_minor - withheld_minor AS net_minor
FROM bank WHERE extract(year FROM at AT TIME ZONE {{}}) = {{}}
ORDER BY at, payment_id
"""  # noqa: S608 - constants
_OF_AGENT: Final = f"""{_BANK}
, moved AS (
    SELECT item.recorded_at AS at, sale.plan_id, item.currency, item.kind, item.amount_minor
    FROM commission_item item JOIN commission_line line ON line.id = item.line_id
    JOIN commission_sale sale ON sale.id = line.sale_id
    WHERE item.agent_id = {{}}
    UNION ALL
    SELECT bank.at, sale.plan_id, item.currency,
        CASE WHEN is_return THEN 'returned' ELSE 'paid' END,
        CASE WHEN is_return THEN -item.amount_minor ELSE item.amount_minor END
    FROM bank JOIN payout_item taken ON taken.payment_id = bank.id
    JOIN commission_item item ON item.id = taken.item_id
    JOIN commission_line line ON line.id = item.line_id
    JOIN commission_sale sale ON sale.id = line.sale_id
), plan AS (
    SELECT plan_id, min(begins_on) AS plan_since,
        (array_agg(terms ->> 'measure' ORDER BY begins_on DESC))[1] AS measure
    FROM commission_plan_version WHERE plan_id IN (SELECT plan_id FROM moved) GROUP BY plan_id
)
SELECT date_trunc('month', at AT TIME ZONE {{}})::date AS month, plan_id, plan_since, measure,
    currency,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'earned'), 0)::bigint AS earned_minor,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'clawed_back'), 0)::bigint AS clawed_back_minor,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'corrected'), 0)::bigint AS corrected_minor,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'paid'), 0)::bigint AS paid_minor,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'returned'), 0)::bigint AS returned_minor
FROM moved JOIN plan USING (plan_id) WHERE extract(year FROM at AT TIME ZONE {{}}) = {{}}
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 5
"""  # noqa: S608 - constants
_BEHIND: Final = """
SELECT extract(year FROM on_day)::integer AS year, array_agg(DISTINCT contract_id) AS contracts
FROM payout_payment payment JOIN payout_item taken ON taken.payment_id = payment.id
JOIN commission_item item ON item.id = taken.item_id
JOIN commission_line line ON line.id = item.line_id
JOIN commission_sale sale ON sale.id = line.sale_id
WHERE payment.batch_id = {} GROUP BY 1 ORDER BY 1
"""

_ADDED: Final = tuple(
    name for name in ContractMeter.__struct_fields__ if name in MeterTotal.__struct_fields__[1:]
)
"""What adds up over contracts."""
_OF_PAYMENTS: Final = ("withheld_minor", "net_minor")
_OF_LINES: Final = tuple(
    name for name in YearTotal.__struct_fields__[1:] if name not in _OF_PAYMENTS
)


class _Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What the database adds up of one contract in one currency."""

    contract_id: UUID
    currency: str
    contract_number: str | None
    sales: int
    unknown_sales: int
    revenue_minor: int
    commission_minor: int
    unmetered_minor: int
    paid_minor: int


async def contracts(
    year: int, *, limit_ppm: int = DEDUCTIBLE_PPM, only: Sequence[UUID] | None = None
) -> list[ContractMeter]:
    """Hold each contract's sales of a year against the limit; those that exceed it most come first.

    :param only: of these contracts alone.
    """
    chosen = None if only is None else list(only)
    begins, ends = date(year, 1, 1), date(year + 1, 1, 1)
    rows = await CommissionSale.raw(_CONTRACTS, begins, ends, chosen, chosen)
    by_currency: defaultdict[str, list[_Sum]] = defaultdict(list)
    for each in msgspec.convert(rows, list[_Sum]):
        by_currency[each.currency].append(each)
    found = [one for some in by_currency.values() for one in _metered(some, limit_ppm)]
    return sorted(found, key=place)


async def agents_of(year: int, contract_ids: Sequence[UUID]) -> list[UUID]:
    """List who sold on one of these contracts in a year, or shares what was sold."""
    begins, ends = date(year, 1, 1), date(year + 1, 1, 1)
    rows = await CommissionSale.raw(_SHARING, begins, ends, list(contract_ids))
    return [row["agent_id"] for row in rows]


def place(one: ContractMeter) -> tuple[int, UUID, str]:
    """Give where a contract stands: those that exceed the limit most come first."""
    return -one.excess_minor, one.contract_id, one.currency


def _metered(sums: Sequence[_Sum], limit_ppm: int) -> list[ContractMeter]:
    """Hold contracts of one currency against the limit."""
    parts = [
        OnContract(
            contract_id=each.contract_id,
            revenue_minor=each.revenue_minor,
            commission_minor=each.commission_minor,
        )
        for each in sums
    ]
    return [
        ContractMeter(
            **msgspec.structs.asdict(each),
            share_ppm=_share(each),
            limit_minor=held.limit_minor,
            deductible_minor=held.deductible_minor,
            excess_minor=held.excess_minor,
        )
        for each, held in zip(sums, meter(parts, limit_ppm), strict=True)
    ]


def _share(each: _Sum) -> int | None:
    """Give which share of its revenue a contract's commission is; none of nothing."""
    return each.commission_minor * PPM // each.revenue_minor if each.revenue_minor else None


def totals(metered: Sequence[ContractMeter]) -> list[MeterTotal]:
    """Add contracts up, each currency for itself."""
    by_currency: defaultdict[str, list[ContractMeter]] = defaultdict(list)
    for each in metered:
        by_currency[each.currency].append(each)
    return [
        MeterTotal(
            currency=currency,
            contracts=len(some),
            over=sum(each.excess_minor > 0 for each in some),
            **{name: sum(getattr(each, name) for each in some) for name in _ADDED},
        )
        for currency, some in sorted(by_currency.items())
    ]


async def behind(batch_id: UUID) -> list[tuple[int, list[UUID]]]:
    """Give by year the contracts that a batch's payments are for."""
    rows = await CommissionSale.raw(_BEHIND, batch_id)
    return [(row["year"], row["contracts"]) for row in rows]


async def of_agent(agent_id: UUID, year: int) -> AgentYear:
    """Give what an agent earned, lost and was paid in a year, by month and plan."""
    rows = await CommissionItem.raw(_OF_AGENT, *[agent_id] * 3, ZONE, ZONE, year)
    lines = msgspec.convert(rows, list[YearLine])
    bank = await PayoutPayment.raw(_PAYMENTS, agent_id, agent_id, ZONE, ZONE, year)
    payments = msgspec.convert(bank, list[YearPayment])
    return AgentYear(
        agent_id=agent_id,
        year=year,
        lines=lines,
        payments=payments,
        totals=[
            _year_total(currency, lines, payments)
            for currency in sorted({each.currency for each in lines})
        ],
    )


def _year_total(
    currency: str, lines: Sequence[YearLine], payments: Sequence[YearPayment]
) -> YearTotal:
    """Add up what is in a currency."""
    moved = [each for each in lines if each.currency == currency]
    bank = [each for each in payments if each.currency == currency]
    return YearTotal(
        currency=currency,
        **{name: sum(getattr(each, name) for each in moved) for name in _OF_LINES},
        **{name: sum(getattr(each, name) for each in bank) for name in _OF_PAYMENTS},
    )
