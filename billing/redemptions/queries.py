"""Read what became of benefits. An agent's transaction sees its own, the platform's role all."""

from typing import Final
from uuid import UUID

import msgspec

from billing.redemptions.schemas import RedemptionView
from billing.redemptions.tables import Redemption

_LINES: Final = """
SELECT id, issuance_id, kind, amount_minor, of_id, actor_id, reason, recorded_at FROM redemption
WHERE issuance_id = {} AND code = 'recorded' ORDER BY recorded_at, id
"""


async def of_issuance(issuance_id: UUID) -> list[RedemptionView]:
    """List what was done with a benefit, in order; refusals left out."""
    rows = await Redemption.raw(_LINES, issuance_id)
    return msgspec.convert(rows, list[RedemptionView])
