"""How much of the commissions on a contract the tax law lets a company deduct.

Caishui [2009] 29: up to 5 % of the revenue of the contract, for ordinary companies. Rates differ by
trade and change, so the share comes in as data.
"""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import msgspec

from billing.commissions.rules.plans import PPM


class OnContract(msgspec.Struct, frozen=True, kw_only=True):
    """What one contract brought and cost; several of them add up."""

    contract_id: UUID
    revenue_minor: int
    commission_minor: int


class Metered(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's line of the yearly table: commission == deductible + excess."""

    contract_id: UUID
    revenue_minor: int
    commission_minor: int
    limit_minor: int
    deductible_minor: int
    excess_minor: int
    """What the company pays tax on, though it was paid out."""


def meter(parts: Iterable[OnContract], limit_ppm: int) -> list[Metered]:
    """Add up each contract and hold it against the limit; in the order of the contracts' ids.

    Limits of several contracts are never pooled.
    """
    assert 0 <= limit_ppm <= PPM, "a share is from nothing to all"
    revenue: defaultdict[UUID, int] = defaultdict(int)
    commission: defaultdict[UUID, int] = defaultdict(int)
    for part in parts:
        revenue[part.contract_id] += part.revenue_minor
        commission[part.contract_id] += part.commission_minor
    return [
        _metered(contract_id, revenue[contract_id], commission[contract_id], limit_ppm)
        for contract_id in sorted(revenue)
    ]


def _metered(contract_id: UUID, revenue: int, commission: int, limit_ppm: int) -> Metered:
    """Hold one contract against the limit."""
    limit = max(0, revenue) * limit_ppm // PPM
    deductible = min(limit, max(0, commission))
    return Metered(
        contract_id=contract_id,
        revenue_minor=revenue,
        commission_minor=commission,
        limit_minor=limit,
        deductible_minor=deductible,
        excess_minor=commission - deductible,
    )
