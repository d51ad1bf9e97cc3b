"""Tables of metering, as facts on disk."""

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz
from piccolo.table import Table


class UsageEventRow(Table, tablename="usage_event"):
    """Something that was used, once. Insert only."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    meter = Text()
    at = Timestamptz()
    amount = BigInt()
    recorded_at = Timestamptz()


class UsageBucket(Table, tablename="usage_bucket"):
    """What the events of one agent, meter and hour come to: their sum, and nothing else."""

    agent_id = UUID(primary_key=True)
    meter = Text()
    hour = Timestamptz()
    events = Integer()
    amount = BigInt()
    gained = BigInt()
    weighted = BigInt()
