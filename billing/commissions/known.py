"""What the books know of plans, sales and contracts that somebody names. Platform's role only."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions.books import PUBLISHING, in_turn, selling
from billing.commissions.rules.plans import PlanVersion
from billing.commissions.schemas import KnownSale, Sale, SaleAlike
from billing.commissions.tables import CommissionPlanVersion, CommissionRefund, CommissionSale

_PLANS: Final = "SELECT terms FROM commission_plan_version ORDER BY plan_id, begins_on"
_SALES: Final = """
SELECT sale.id, sale.agent_id, contract_id, contract_number,
    version.terms ->> 'measure' AS measure, version.terms ->> 'currency' AS currency
FROM commission_sale sale JOIN commission_plan_version version ON version.id = sale.version_id
WHERE sale.id = ANY ({}::uuid[])
"""
_ALIKE: Final = """
SELECT id FROM commission_sale
WHERE (contract_number = {}::text OR contract_id = {}) AND agent_id = {} AND on_day = {}
    AND sold = {} AND refunded < sold AND id <> {}
ORDER BY id LIMIT 1
"""
_REFUNDS: Final = "SELECT id FROM commission_refund WHERE id = ANY ({}::uuid[])"
_SHARED: Final = """
SELECT DISTINCT agent_id, currency FROM commission_line WHERE sale_id = ANY ({}::uuid[])
"""
_CONTRACTS: Final = """
SELECT DISTINCT agent_id, contract_number, contract_id FROM commission_sale
WHERE (agent_id, contract_number) IN (SELECT * FROM unnest({}::uuid[], {}::text[]))
ORDER BY agent_id, contract_number, contract_id
"""


async def plans() -> dict[UUID, list[PlanVersion]]:
    """Give all plans with their versions, the earliest first."""
    found: dict[UUID, list[PlanVersion]] = defaultdict(list)
    for row in await CommissionPlanVersion.raw(_PLANS):
        version = msgspec.json.decode(row["terms"], type=PlanVersion)
        found[version.plan_id].append(version)
    return dict(found)


async def plans_until_the_end() -> dict[UUID, list[PlanVersion]]:
    """Give all plans as they stay until the end of the transaction: who publishes waits for it."""
    await in_turn(PUBLISHING)
    return await plans()


async def sales(sale_ids: Sequence[UUID]) -> dict[UUID, KnownSale]:
    """Give those of these sales that there are."""
    rows = msgspec.convert(await CommissionSale.raw(_SALES, list(sale_ids)), list[KnownSale])
    return {each.id: each for each in rows}


async def ensure_another(sale: Sale) -> None:
    """Refuse a sale that is likely in the books already, under another id and by whatever plan.

    One that was refunded as a whole may have been recorded anew.

    :raises SaleAlike: one of the same agent, contract, day and amount is there.
    """
    agent_id = sale.sellers[0].agent_id
    await in_turn(selling(agent_id))
    rows = await CommissionSale.raw(
        *(_ALIKE, sale.contract_number, sale.contract_id, agent_id, sale.on, sale.sold, sale.id)
    )
    if rows:
        raise SaleAlike(
            f"Sale {rows[0]['id']} is of the same agent, contract, day and amount; "
            "leave this one out, or say that it is another.",
            about=str(rows[0]["id"]),
        )


async def refunds(refund_ids: Sequence[UUID]) -> set[UUID]:
    """Give those of these refunds that there are."""
    return {row["id"] for row in await CommissionRefund.raw(_REFUNDS, list(refund_ids))}


async def shared(sale_ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """Give who shares these sales, and in what currency."""
    rows = await CommissionSale.raw(_SHARED, list(sale_ids))
    return {(row["agent_id"], row["currency"]) for row in rows}


async def contracts(named: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], list[UUID]]:
    """Give by agent and number the contracts that something was sold on.

    Agents number their contracts each for itself.
    """
    found: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    columns = ([agent_id for agent_id, _ in named], [number for _, number in named])
    for row in await CommissionSale.raw(_CONTRACTS, *columns):
        found[row["agent_id"], row["contract_number"]].append(row["contract_id"])
    return found
