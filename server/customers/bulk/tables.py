"""Tables of bulk changes, as facts on disk."""

from piccolo.columns import JSONB, UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class CustomerBulk(Table, tablename="customer_bulk"):
    """A change of many customers at once: what was asked, and what became of it."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    kind = Text()
    asked = JSONB()
    """See `schemas.NewBulkEdit` and `schemas.NewHandOver`."""
    changed = Integer()
    unchanged = Integer()
    refused = Integer()
    refusals = JSONB()
    """The first of those that were refused, and why."""
    made_by = UUID()
    made_at = Timestamptz()
    undone_by = UUID(null=True)
    undone_at = Timestamptz(null=True)
    restored = Integer(null=True)
    kept = Integer(null=True)


class CustomerBulkRow(Table, tablename="customer_bulk_row"):
    """A record that a bulk change wrote, and what stood there before. Insert only."""

    tenant_id = UUID()
    bulk_id = UUID()
    record_kind = Text()
    record_id = UUID(primary_key=True)
    before = JSONB()
    """See `rules.Before`."""
