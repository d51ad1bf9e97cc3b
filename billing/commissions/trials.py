"""Try a version of a plan on what was sold by that plan. Platform's role only; nothing is kept."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions.rules.plans import PlanVersion, commission_minor
from billing.commissions.schemas import PlanTrial, TriedAgent
from billing.commissions.tables import CommissionSale

AT_ONCE: Final = 5_000
"""Sales that are read in one statement."""
_SALES: Final = """
SELECT sale.id, on_day AS "on", sale.agent_id, sold, tier_base,
    version.terms ->> 'measure' = {} AND version.terms ->> 'currency' = {} AS is_alike,
    (
        SELECT coalesce(sum(amount_minor), 0)::bigint FROM commission_line WHERE sale_id = sale.id
    ) AS paid_minor
FROM commission_sale sale JOIN commission_plan_version version ON version.id = sale.version_id
WHERE sale.plan_id = {} AND on_day BETWEEN {} AND {}
    AND ({}::date IS NULL OR (on_day, sale.id) > ({}::date, {}::uuid))
ORDER BY on_day, sale.id LIMIT {}
"""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as it was paid for."""

    id: UUID
    on: date
    agent_id: UUID
    sold: int
    tier_base: int | None
    """What was sold before it in its month, where it was kept."""
    is_alike: bool
    """It was counted in what the tried version counts, and paid in its currency."""
    paid_minor: int


async def sales(
    version: PlanVersion, since: date, until: date, *, after: Past | None = None
) -> list[Past]:
    """List a plan's sales of some days, both included, in order; at most `AT_ONCE`.

    :param after: the last one that was seen.
    """
    day, sale_id = (after.on, after.id) if after else (None, None)
    rows = await CommissionSale.raw(
        *(_SALES, version.measure, version.currency, version.plan_id, since, until),
        *(day, day, sale_id, AT_ONCE),
    )
    return msgspec.convert(rows, list[Past])


class Trial:
    """Adds up what sales paid, and what they would have paid by another version."""

    def __init__(self, version: PlanVersion, since: date, until: date) -> None:
        self._version = version
        self._days = since, until
        self._agents: defaultdict[UUID, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._left_out = 0

    def add(self, sold: Iterable[Past]) -> None:
        """Count sales; one that cannot be compared is left out."""
        for each in sold:
            if not each.is_alike or each.tier_base is None:
                self._left_out += 1
                continue
            would = commission_minor(self._version, each.tier_base, each.sold)
            of = self._agents[each.agent_id]
            for place, more in enumerate((1, each.sold, each.paid_minor, would)):
                of[place] += more

    def told(self, limit: int) -> PlanTrial:
        """Give what came of it, the agents for whom it differs most first.

        :param limit: so many agents; the sums are of all.
        """
        tried = sorted(
            (
                TriedAgent(
                    agent_id=agent_id, sales=n, sold=sold, paid_minor=paid, would_minor=would
                )
                for agent_id, (n, sold, paid, would) in self._agents.items()
            ),
            key=lambda each: (-abs(each.would_minor - each.paid_minor), each.agent_id),
        )
        return PlanTrial(
            since=self._days[0],
            until=self._days[1],
            currency=self._version.currency,
            sales=sum(each.sales for each in tried),
            left_out=self._left_out,
            paid_minor=sum(each.paid_minor for each in tried),
            would_minor=sum(each.would_minor for each in tried),
            agents_count=len(tried),
            agents=tried[:limit],
        )
