"""Tables of the sync room, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Timestamptz
from piccolo.table import Table


class OpOutcome(Table, tablename="op_outcome"):
    """What became of one op of one device.

    The same op sent again gets the same answer. Insert only.
    """

    tenant_id = UUID()
    device_id = UUID()
    number = BigInt(primary_key=True)
    digest = Bytea()
    """Tells this op from another that came under the same number
    (``sync_protocol.messages.op_digest``)."""
    outcome = JSONB()
    """The outcome as it was answered, for ever."""
    at = Timestamptz()
