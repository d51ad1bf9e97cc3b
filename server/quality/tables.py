"""Tables of data quality, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Timestamptz
from piccolo.table import Table


class CustomerQuality(Table, tablename="customer_quality"):
    """What was found out about a customer's record when all of them were last looked through."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """The customer's."""
    score = BigInt()
    missing = JSONB()
    """The checks that it did not pass, the dearest first."""
    is_double_by_phone = Boolean()
    """Nothing but a phone says that another record is the same customer: not told to whom phones
    are hidden from."""
    assessed_at = Timestamptz()
