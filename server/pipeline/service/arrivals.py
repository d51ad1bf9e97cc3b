"""Deals that a file brings in beyond their beginning: where they stand, and that nobody saw why."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from server.access import Actor
from server.audit import service as audit
from server.changelog import facts
from server.kit import clock, db
from server.kit.calendars import ZONE
from server.pipeline import rules
from server.pipeline.kinds import WRITTEN
from server.pipeline.rules import Arrival
from server.pipeline.service.moves import raise_customers
from sync_protocol.process.definition import LADDER, Canonical
from sync_protocol.process.gates import State

_WRITE: Final = """
INSERT INTO opportunity_move (
    tenant_id, id, opportunity_id, seq, verb, from_stage, to_stage, state, deviations, reason,
    stayed_ms, moved_by, moved_at
)
SELECT $1, u.id, u.deal, $2, $3, u.first, u.stage, u.state, u.unproven::jsonb, u.reason, 0, $4, $5
FROM UNNEST($6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    AS u(id, deal, first, stage, state, unproven, reason)
"""


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """A deal that has just been begun, and where a file says that it stands."""

    opportunity_id: UUID
    customer_id: UUID
    first: str
    """The stage in which it was begun."""
    arrival: Arrival
    lost_reason: str | None = None
    closed_on: date | None = None
    """Of a won or lost one."""


async def bring_in(actor: Actor, deals: Sequence[Brought], *, now: datetime) -> None:
    """Let new deals stand where a file says, each with a move that tells it.

    In the open transaction. Their customers' status follows, as it follows every deal that is not
    lost (S46).
    """
    if not deals:
        return
    unit = {("opportunity", str(each.opportunity_id)): _stands(each) for each in deals}
    seq = await facts.note(actor, unit, kinds=WRITTEN, now=now)
    rows = [
        (
            uuid5(each.opportunity_id, rules.IMPORT),
            each.opportunity_id,
            each.first,
            each.arrival.stage.id,
            str(each.arrival.state),
            msgspec.json.encode([rules.told(open_) for open_ in each.arrival.unproven]).decode(),
            each.lost_reason,
        )
        for each in deals
    ]
    await db.connection().execute(
        _WRITE, actor.tenant_id, seq, rules.IMPORT, actor.user_id, now, *zip(*rows, strict=True)
    )
    reached: dict[UUID, Canonical] = {}
    ids = [each.opportunity_id for each in deals]
    await audit.record_each(actor, "opportunity.imported", subject_ids=ids, now=now)
    for each in deals:
        if each.arrival.state is not State.LOST:
            before = reached.get(each.customer_id, Canonical.LEAD)
            reached[each.customer_id] = max(before, each.arrival.stage.canonical, key=LADDER.index)
    await raise_customers(actor, reached, now=now)


def _stands(deal: Brought) -> dict[str, Any]:
    """Give the facts of where a deal stands."""
    closed_at = (
        clock.to_ms(datetime.combine(deal.closed_on, time(), ZONE)) if deal.closed_on else None
    )
    return {
        "stage": deal.arrival.stage.id,
        "state": str(deal.arrival.state),
        "closed_at": closed_at,
        "lost_reason": deal.lost_reason,
    }
