"""The table of saved views, as facts on disk."""

from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.table import Table


class SavedView(Table, tablename="saved_view"):
    """How a list of customers is looked at, under a name. It holds no customer."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    look = JSONB()
    audience = Text()
    made_by = UUID()
    team_id = UUID(null=True)
    """Of whoever shares it with a team."""
    made_at = Timestamptz()
    changed_at = Timestamptz()
