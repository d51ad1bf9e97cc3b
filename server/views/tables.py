"""The table of saved views, as facts on disk. Its migration is the customers'."""

from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.table import Table


class SavedView(Table, tablename="saved_view"):
    """How a list is looked at, under a name. It holds nothing of what is listed."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    look = JSONB()
    """With the name of the list as ``list``; of customers, where there is none."""
    audience = Text()
    made_by = UUID()
    team_id = UUID(null=True)
    """Of whoever shares it with a team."""
    made_at = Timestamptz()
    changed_at = Timestamptz()
