"""Tables of budgets, as facts on disk."""

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.table import Table


class Budget(Table, tablename="budget"):
    """A place in the budget tree. Its value is counted on the ledger account with the same id."""

    id = UUID(primary_key=True)
    """Also the id of its account."""
    parent_id = UUID(null=True)
    """Where its value comes from; null for a program's pool, which is funded."""
    program_id = UUID()
    owner_id = UUID()
    scope = Text()
    """`program` or `agent`."""
    currency = Text()
    opened_at = Timestamptz()
