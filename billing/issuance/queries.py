"""Read issuances. An agent's transaction sees its own, the platform's role all."""

from typing import Any, Final
from uuid import UUID

import msgspec

from billing.issuance.schemas import IssuanceFilter, IssuanceTotal, IssuanceView
from billing.issuance.tables import Issuance

_SELECT: Final = """
SELECT id, agent_id, program_id, customer_token, amount_minor, used_minor, released_minor,
    currency, state, issued_at, expires_at, settled_at
FROM issuance WHERE
"""
_CLAUSES: Final = {
    "agent_id": "agent_id = {}",
    "program_id": "program_id = {}",
    "state": "state = {}",
    "since": "issued_at >= {}",
    "until": "issued_at < {}",
}
_TOTALS: Final = """
SELECT agent_id, program_id, currency, state, count(*) AS count,
    sum(amount_minor)::bigint AS amount_minor
FROM issuance GROUP BY agent_id, program_id, currency, state
ORDER BY agent_id, program_id, state
"""


async def issuances(
    chosen: IssuanceFilter, *, before: UUID | None = None, limit: int
) -> list[IssuanceView]:
    """List issuances below an id, newest first."""
    given: dict[str, Any] = {
        name: getattr(chosen, name) for name in _CLAUSES if getattr(chosen, name) is not None
    }
    clauses = [_CLAUSES[name] for name in given]
    values = list(given.values())
    if before is not None:
        clauses.append("id < {}")
        values.append(before)
    where = " AND ".join(clauses) or "true"
    rows = await Issuance.raw(_SELECT + where + " ORDER BY id DESC LIMIT {}", *values, limit)
    return msgspec.convert(rows, list[IssuanceView])


async def totals() -> list[IssuanceTotal]:
    """Count issuances and their amounts by agent, program and state."""
    return msgspec.convert(await Issuance.raw(_TOTALS), list[IssuanceTotal])


async def one(issuance_id: UUID) -> IssuanceView | None:
    """Give one issuance, if there is one with this id."""
    rows = await Issuance.raw(_SELECT + "id = {}", issuance_id)
    return msgspec.convert(rows[0], IssuanceView) if rows else None
