"""Tables of vouchers, as facts on disk."""

from piccolo.columns import UUID, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class Voucher(Table, tablename="voucher"):
    """The code of a benefit, by its keyed hash alone. Both sides see it."""

    digest = Bytea(primary_key=True)
    issuance_id = UUID()
    agent_id = UUID()
    serial = Integer()
    last4 = Text()
    made_by = UUID()
    made_at = Timestamptz()
    lock_id = UUID(null=True)
    """Made by who is about to redeem it."""
    locked_until = Timestamptz(null=True)


class VoucherAlarm(Table, tablename="voucher_alarm"):
    """Somebody of an agent tried more codes of nobody than people mistype. Global."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    user_id = UUID()
    raised_at = Timestamptz()
