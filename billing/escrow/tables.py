"""Tables of escrow, as facts on disk."""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class EscrowUnit(Table, tablename="escrow_unit"):
    """A benefit's amount that a device holds. Its hold is the transfer with the same id."""

    id = UUID(primary_key=True)
    """Also the id of its hold, and of the benefit that it may become."""
    agent_id = UUID()
    program_id = UUID()
    person_id = UUID()
    """Who may promise it."""
    device_id = UUID()
    """What it was leased to."""
    budget_id = UUID()
    amount_minor = BigInt()
    currency = Text()
    state = Text()
    leased_at = Timestamptz()
    until = Timestamptz()
    """From then on the device promises it no more; it stays held for a while longer."""
    recalled_at = Timestamptz(null=True)
    """When its agent called it back."""
    settled_at = Timestamptz(null=True)
