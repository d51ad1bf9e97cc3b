"""The table of reveals, as facts on disk."""

from piccolo.columns import UUID, Date, Text, Timestamptz
from piccolo.table import Table


class PhoneReveal(Table, tablename="phone_reveal"):
    """A customer whose hidden phones somebody looked at on a day, and why. Insert only."""

    tenant_id = UUID()
    user_id = UUID()
    day = Date()
    customer_id = UUID(primary_key=True)
    revealed_at = Timestamptz()
    reason = Text()
