"""Read units that devices hold. An agent's transaction sees its own, the platform's role all."""

from typing import Final
from uuid import UUID

import msgspec

from billing.escrow.schemas import UnitsOut
from billing.escrow.tables import EscrowUnit
from billing.ledger.schemas import Finding

_OUT: Final = """
SELECT program_id, person_id, device_id, currency, count(*) AS count,
    sum(amount_minor)::bigint AS amount_minor, min(until) AS until,
    bool_or(recalled_at IS NOT NULL) AS is_recalled
FROM escrow_unit WHERE agent_id = {} AND state = 'held'
GROUP BY program_id, person_id, device_id, currency ORDER BY min(until), device_id, program_id
"""
_CONTRADICTIONS: Final = """
SELECT unit.id::text AS subject FROM escrow_unit unit
JOIN ledger_transfer hold ON hold.id = unit.id
LEFT JOIN ledger_transfer settling ON settling.pending_id = unit.id
LEFT JOIN issuance ON issuance.id = unit.id
WHERE (hold.kind, hold.debit_id, hold.amount_minor)
    IS DISTINCT FROM ('hold', unit.budget_id, unit.amount_minor)
OR (unit.state = 'promised') <> (issuance.id IS NOT NULL)
OR (unit.state IN ('held', 'given_back') AND settling.id IS NOT NULL)
OR (unit.state = 'released' AND coalesce(settling.kind NOT IN ('void', 'expire'), true))
"""


async def out(agent_id: UUID) -> list[UnitsOut]:
    """List what an agent's devices hold, what ends first first."""
    return msgspec.convert(await EscrowUnit.raw(_OUT, agent_id), list[UnitsOut])


async def contradictions() -> list[Finding]:
    """Look for units that are two things at once, or are not what their holds say.

    Platform's role only.
    """
    return [Finding("escrow", row["subject"]) for row in await EscrowUnit.raw(_CONTRADICTIONS)]
