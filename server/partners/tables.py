"""Tables of partners, as facts on disk."""

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.table import Table


class Agent(Table, tablename="agent"):
    """An agent company as the platform sees it. Its id is that of its tenant."""

    tenant_id = UUID(primary_key=True)
    name = Text()
    short_name = Text()
    city = Text()
    tier = Text()
    joined_at = Timestamptz()
