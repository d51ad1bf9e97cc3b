"""What came of a payment's items before, and what its agent was said to be since it was paid last.

Whoever lets a payment go is its second person: one word alone had it paid anew, or taxed
otherwise. Platform's role only.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from billing.commissions.tables import NaturalPerson, PayoutPayment

Row = dict[str, Any]

# Who holds an item now is the last one to: all others were before.
_BEFORE: Final = """
SELECT DISTINCT held.payment_id, former.batch_id, batch.approved_at AS ordered_at, former.state,
    former.reason, former.settled_by AS said_by, former.settled_at AS said_at
FROM payout_item held
JOIN payout_item freed ON freed.item_id = held.item_id AND NOT freed.is_live
JOIN payout_payment former ON former.id = freed.payment_id
JOIN payout_batch batch ON batch.id = former.batch_id
WHERE held.payment_id = ANY ({}::uuid[]) AND held.is_live
    AND former.state IN ('failed', 'returned')
ORDER BY held.payment_id, said_at, batch_id
"""
_DECLARED: Final = """
SELECT payment.id AS payment_id, is_one, said_by, said_at
FROM payout_payment payment
JOIN payout_batch batch ON batch.id = payment.batch_id
JOIN natural_person person ON person.agent_id = payment.agent_id
WHERE payment.id = ANY ({}::uuid[]) AND (batch.approved_at IS NULL OR n <= batch.declared_n)
    AND n > (
        SELECT coalesce(max(earlier.declared_n), 0)
        FROM payout_payment paid JOIN payout_batch earlier ON earlier.id = paid.batch_id
        WHERE paid.agent_id = payment.agent_id AND earlier.id <> batch.id
            AND (batch.approved_at IS NULL OR earlier.approved_at < batch.approved_at)
    )
ORDER BY payment.id, n
"""


async def added(rows: Sequence[Row]) -> list[Row]:
    """Add to payments when what they pay was `before`, and what was `declared` of their agents."""
    ids = [row["id"] for row in rows]
    before = _by_payment(await PayoutPayment.raw(_BEFORE, ids))
    declared = _by_payment(await NaturalPerson.raw(_DECLARED, ids))
    return [
        {**row, "before": before.get(row["id"], []), "declared": declared.get(row["id"], [])}
        for row in rows
    ]


def _by_payment(rows: Sequence[Row]) -> dict[UUID, list[Row]]:
    """Gather rows under their payments."""
    found: defaultdict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["payment_id"]].append(row)
    return found
