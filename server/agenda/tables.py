"""Tables of the agenda, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import UUID, BigInt, Bytea, Timestamptz
from piccolo.table import Table


class CalendarFeed(Table, tablename="calendar_feed"):
    """The private address of a person's calendar; of its token only the hash."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    user_id = UUID()
    token_hash = Bytea()
    shows_customers = BigInt()
    """1 when the names of customers go along."""
    made_at = Timestamptz()
