"""Read usage. An agent's transaction sees its own, the platform's role all."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.metering import rules
from billing.metering.rules import Bucket, UsageEvent
from billing.metering.tables import UsageBucket, UsageEventRow
from billing.plans.rules.versions import Meter

_BUCKETS: Final = """
SELECT meter, hour, events, amount, gained, weighted FROM usage_bucket
WHERE agent_id = {} AND meter = {} AND hour < {} ORDER BY hour
"""
_EVENTS: Final = """
SELECT id, meter, at, amount FROM usage_event
WHERE agent_id = {} AND meter = {} AND at >= {} AND at < {} ORDER BY at, id
"""
_USED: Final = """
SELECT meter, sum(amount) FILTER (
    WHERE meter IN ('seats', 'customers', 'storage_bytes') OR hour >= {}
)::bigint AS used
FROM usage_bucket WHERE agent_id = {} GROUP BY meter
"""


async def buckets(agent_id: UUID, meter: Meter, *, until: datetime) -> list[Bucket]:
    """List an agent's buckets of a meter up to an hour, the earliest first."""
    rows = await UsageBucket.raw(_BUCKETS, agent_id, meter, until)
    return msgspec.convert(rows, list[Bucket])


async def used(agent_id: UUID, *, month: datetime) -> dict[Meter, int]:
    """Give what is there now of each level, and how often the rest was done since the month began.

    :param month: when it began.
    """
    rows = await UsageBucket.raw(_USED, month, agent_id)
    return {Meter(row["meter"]): row["used"] or 0 for row in rows}


async def recomputed(agent_id: UUID, meter: Meter, hour: datetime) -> Bucket | None:
    """Make a bucket of its events again."""
    rows = await UsageEventRow.raw(_EVENTS, agent_id, meter, hour, hour + rules.HOUR)
    found = rules.buckets(msgspec.convert(rows, list[UsageEvent]))
    return found[0] if found else None
