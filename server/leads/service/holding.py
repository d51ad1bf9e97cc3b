"""What every change of a lead does: hold its row, say what was done to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor
from server.kit import db
from server.kit.errors import NotFound
from server.leads import sight

_HOLD: Final = """
SELECT * FROM raw_lead WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""
_EVENTS: Final = """
INSERT INTO lead_event (tenant_id, lead_id, number, at, actor_id, kind, detail)
SELECT $1, u.lead_id, 1 + (
    SELECT count(*) FROM lead_event e WHERE e.tenant_id = $1 AND e.lead_id = u.lead_id
), $3, $4, $5, u.detail
FROM UNNEST($2::uuid[], $6::jsonb[]) AS u(lead_id, detail)
"""


async def hold(actor: Actor, lead_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Lock leads in one order, and give their rows.

    :raises NotFound: one of them is not the company's, or is in another team's hands.
    """
    rows: list[asyncpg.Record] = await db.connection().fetch(
        _HOLD, actor.tenant_id, list(set(lead_ids))
    )
    if len(rows) != len(set(lead_ids)) or not await sight.are_seen(actor, lead_ids):
        raise NotFound("There is no such lead.", field="lead_id")
    return rows


async def hold_own(actor: Actor, lead_id: UUID) -> asyncpg.Record:
    """Lock a lead that was routed to the actor, and give its row.

    :raises NotFound: it is somebody else's, as its customer is by now, or none.
    """
    [row] = await hold(actor, [lead_id])
    is_own = row["assignee_id"] == actor.user_id
    if not (is_own and await sight.is_beside_customer(actor, lead_id)):
        raise NotFound("There is no such lead.", field="lead_id")
    return row


async def note(
    actor: Actor,
    lead_ids: Sequence[UUID],
    kind: str,
    details: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Write into the histories of leads that are held what was done, each with its own detail."""
    actor_id = None if actor.user_id.int == 0 else actor.user_id
    await db.connection().execute(
        _EVENTS,
        actor.tenant_id,
        list(lead_ids),
        now,
        actor_id,
        kind,
        [msgspec.json.encode(detail).decode() for detail in details],
    )
