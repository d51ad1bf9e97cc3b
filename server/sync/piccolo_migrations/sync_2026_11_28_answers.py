"""What came of an op that waited for its record is told its device."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000075"
VERSION = "1.38.0"
DESCRIPTION = "The outcome of an op that waited is written again."


async def forwards() -> MigrationManager:
    """Grant it."""
    return sql_migration(
        ID, "sync", DESCRIPTION, ["GRANT UPDATE (outcome) ON op_outcome TO tonglu_app"]
    )
