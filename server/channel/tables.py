"""Tables of the channel, as facts on disk. All are global.

Tallies are a tenant's own counts and may be small: only the job role reads them. What is released
has passed the thresholds, and the platform reads it.
"""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class Tally(Table, tablename="channel_tally"):
    """How many customers of one agent have one value. For the job role only."""

    tenant_id = UUID()
    dimension = Text()
    """`status`, `city` or `industry`."""
    value = Text(primary_key=True)
    """Empty where the record says nothing."""
    customers = BigInt()


class CountingRun(Table, tablename="counting_run"):
    """The order of the counts of one agent, so that a slow one never replaces a newer one."""

    tenant_id = UUID(primary_key=True)
    """The platform's own id stands for the release over all agents."""
    taken = BigInt()
    written = BigInt()
    written_at = Timestamptz(null=True)


class ReleasedCell(Table, tablename="released_cell"):
    """One published count, or a place where one is hidden."""

    view = Text()
    """`funnel`, `city` or `industry`."""
    agent_id = UUID()
    """The platform's own id stands for all agents."""
    kind = Text()
    """`part`, `rest` or `total`."""
    label = Text(primary_key=True)
    customers = BigInt(null=True)
    """Null while hidden."""


class AgentHealth(Table, tablename="agent_health"):
    """How an agent's devices are, as far as its sharing contract lets it be told."""

    tenant_id = UUID(primary_key=True)
    devices = BigInt(null=True)
    last_sync_at = Timestamptz(null=True)
    pending = BigInt(null=True)
    """Ops that wait on the devices, as they said at their last sync."""
    counted_at = Timestamptz()
