"""What keeps a customer out of the pools is read from where it is written, not noted twice."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000082"
VERSION = "1.38.0"
DESCRIPTION = "No table of kept customers beside the contracts."


async def forwards() -> MigrationManager:
    """Drop a table that nothing wrote."""
    return sql_migration(ID, "customers", DESCRIPTION, ["DROP TABLE pool_guard"])
