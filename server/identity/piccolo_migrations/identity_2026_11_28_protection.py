"""Whether a device's store is encrypted."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "What devices say of their stores."


async def forwards() -> MigrationManager:
    """Add the column; what a device has not said is no."""
    return sql_migration(
        ID,
        "identity",
        DESCRIPTION,
        ["ALTER TABLE device ADD COLUMN is_protected boolean NOT NULL DEFAULT false"],
    )
