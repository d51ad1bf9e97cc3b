"""Tables of partners, as facts on disk."""

from piccolo.columns import UUID, Boolean, Date, Text, Timestamptz
from piccolo.table import Table


class Agent(Table, tablename="agent"):
    """An agent company as the platform sees it. Its id is that of its tenant."""

    tenant_id = UUID(primary_key=True)
    name = Text()
    short_name = Text()
    city = Text()
    tier = Text()
    joined_at = Timestamptz()


class Territory(Table, tablename="territory"):
    """Where an agent may work, alone or beside others, from a day to a day. Global."""

    id = UUID(primary_key=True)
    agent_id = UUID()
    division = Text()
    """A code of the tree of divisions; all that lies in it is part of it."""
    is_exclusive = Boolean()
    valid_from = Date()
    valid_until = Date(null=True)
    """The last day."""
    granted_by = UUID()
    granted_at = Timestamptz()
