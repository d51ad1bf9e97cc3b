"""Where deals keep the values of custom fields."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000082"
VERSION = "1.38.0"
DESCRIPTION = "Custom fields of deals."


async def forwards() -> MigrationManager:
    """Add the column, without a default, so no row is written anew."""
    return sql_migration(
        ID, "pipeline", DESCRIPTION, ["ALTER TABLE opportunity ADD COLUMN custom jsonb"]
    )
