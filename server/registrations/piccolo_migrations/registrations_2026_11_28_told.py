"""What an agent asks by registering once its day's answers are spent, it hears later."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:002500"
VERSION = "1.38.0"
DESCRIPTION = "When an agent hears how its registration stands."


async def forwards() -> MigrationManager:
    """Keep it from now on; what came before was told."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        ["ALTER TABLE registry_entry ADD COLUMN told_from timestamptz"],
    )
