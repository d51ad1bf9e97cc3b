"""Tables of public pools, as facts on disk."""

from piccolo.columns import JSONB, UUID, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class CustomerPool(Table, tablename="customer_pool"):
    """A public pool with its limits and recycle rules."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    team_ids = JSONB()
    """For which teams; an empty list is for everybody."""
    held_max = Integer(null=True)
    picks_per_day = Integer(null=True)
    views_per_day = Integer(null=True)
    cooling_days = Integer()
    warn_days = Integer()
    recycle_rules = JSONB()
    """See `rules.RecycleRule`."""
    made_at = Timestamptz()
    changed_at = Timestamptz()


class PoolEntry(Table, tablename="pool_entry"):
    """A customer that lies in a pool; gone as soon as somebody owns it."""

    tenant_id = UUID()
    customer_id = UUID(primary_key=True)
    pool_id = UUID()
    entered_at = Timestamptz()
    reason = Text()
    former_owner_id = UUID(null=True)


class PoolPick(Table, tablename="pool_pick"):
    """A customer that somebody picked. Insert only."""

    tenant_id = UUID()
    user_id = UUID()
    picked_at = Timestamptz()
    customer_id = UUID(primary_key=True)
    pool_id = UUID()


class PoolView(Table, tablename="pool_view"):
    """A customer of a pool at whom somebody looked closely on a day. Insert only."""

    tenant_id = UUID()
    user_id = UUID()
    day = Date()
    pool_id = UUID()
    customer_id = UUID(primary_key=True)


class PoolWarning(Table, tablename="pool_warning"):
    """An owner was told that a customer falls into a pool on a day."""

    tenant_id = UUID()
    customer_id = UUID(primary_key=True)
    owner_id = UUID()
    pool_id = UUID()
    due_on = Date()
    reason = Text()
    warned_on = Date()
