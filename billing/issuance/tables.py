"""Tables of issuance, as facts on disk."""

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz
from piccolo.table import Table


class Issuance(Table, tablename="issuance"):
    """A benefit that was issued. Its hold is the transfer with the same id."""

    id = UUID(primary_key=True)
    """Also the id of its hold."""
    agent_id = UUID()
    request_key = UUID()
    """The id that the asker made; one issuance a key and agent."""
    program_id = UUID()
    customer_token = Text()
    """Who receives it: opaque, made for each program, never a name or a phone."""
    slot = Integer()
    """Which of the benefits that one customer may have of a program."""
    budget_id = UUID()
    amount_minor = BigInt()
    used_minor = BigInt()
    released_minor = BigInt()
    """Withdrawn, or over."""
    hold_id = UUID(null=True)
    """What holds the part that is left; null while it is the first one."""
    currency = Text()
    state = Text()
    """What the ledger says of the hold."""
    issued_at = Timestamptz()
    expires_at = Timestamptz(null=True)
    settled_at = Timestamptz(null=True)
