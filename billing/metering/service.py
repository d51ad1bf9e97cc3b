"""Write usage down. Joins the transaction of who tells it: the agent's own, or the platform's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.metering import rules
from billing.metering.rules import UsageEvent, UsageIdReused
from billing.metering.tables import UsageBucket, UsageEventRow

_ADD: Final = """
INSERT INTO usage_event (agent_id, id, meter, at, amount, recorded_at)
SELECT {}, id, meter, at, amount, {}
FROM jsonb_to_recordset({}::jsonb) AS told (id uuid, meter text, at timestamptz, amount bigint)
ORDER BY id
ON CONFLICT (agent_id, id) DO NOTHING
RETURNING id
"""
_DIFFERING: Final = """
SELECT told.id
FROM jsonb_to_recordset({}::jsonb) AS told (id uuid, meter text, at timestamptz, amount bigint)
LEFT JOIN usage_event held ON held.agent_id = {}
AND (held.id, held.meter, held.at, held.amount) = (told.id, told.meter, told.at, told.amount)
WHERE held.id IS NULL
"""
# Always in this order, so that two tellers of the same hours wait for each other and never in turn.
_SUM: Final = """
INSERT INTO usage_bucket AS held (agent_id, meter, hour, events, amount, gained, weighted)
SELECT {}, meter, hour, events, amount, gained, weighted
FROM jsonb_to_recordset({}::jsonb) AS told (
    meter text, hour timestamptz, events integer, amount bigint, gained bigint, weighted bigint
)
ORDER BY meter COLLATE "C", hour
ON CONFLICT (agent_id, meter, hour) DO UPDATE SET
    events = held.events + EXCLUDED.events,
    amount = held.amount + EXCLUDED.amount,
    gained = held.gained + EXCLUDED.gained,
    weighted = held.weighted + EXCLUDED.weighted
"""


async def record(agent_id: UUID, events: Sequence[UsageEvent], *, now: datetime) -> int:
    """Count events, each id once, in the hour in which it happened. Give how many are new.

    :raises UsageOfTheFuture: one of them lies ahead.
    :raises UsageUnsound: it changes nothing, or undoes what was done.
    :raises UsageIdReused: its id was told before with other content; nothing is counted.
    """
    rules.ensure_sound(events, now)
    if not events:
        return 0
    told = msgspec.json.encode(list({event.id: event for event in events}.values())).decode()
    rows = await UsageEventRow.raw(_ADD, agent_id, now, told)
    added = {row["id"] for row in rows}
    if len(added) < len({event.id for event in events}) and await UsageEventRow.raw(
        _DIFFERING, told, agent_id
    ):
        raise UsageIdReused("An event of this id says something else; make a new id for it.")
    if added:
        sums = rules.buckets(event for event in events if event.id in added)
        await UsageBucket.raw(_SUM, agent_id, msgspec.json.encode(sums).decode())
    return len(added)
