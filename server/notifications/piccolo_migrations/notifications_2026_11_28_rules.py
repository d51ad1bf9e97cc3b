"""Which rule had a notification told."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Which rule had a notification told."


async def forwards() -> MigrationManager:
    """Add the columns; what was told before was told by no rule."""
    statement = """
    ALTER TABLE notification
        ADD COLUMN rule text COLLATE "C", ADD COLUMN rule_version bigint,
        ADD CHECK ((rule IS NULL) = (rule_version IS NULL))
    """
    return sql_migration(ID, "notifications", DESCRIPTION, [statement])
