"""What an agent gets, by the days on which it is payable, without a look at others'."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-28T00:00:00:001600"
VERSION = "1.38.0"
DESCRIPTION = "Commission lines by agent."


async def forwards() -> MigrationManager:
    """Make the index that an agent's own list is read by."""
    return sql_migration(ID, "commissions", DESCRIPTION, [_INDEX])


_INDEX = "CREATE INDEX commission_line_of_agent ON commission_line (agent_id, payable_on, id)"
