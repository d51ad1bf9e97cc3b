"""When the server last heard from a device that had nothing to send."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001930"
VERSION = "1.38.0"
DESCRIPTION = "When a device was last heard of."


async def forwards() -> MigrationManager:
    """Keep it from now on; until a device is heard of, its last sync counts as before."""
    return sql_migration(
        ID,
        "identity",
        DESCRIPTION,
        ["ALTER TABLE device ADD COLUMN heard_at timestamptz"],
    )
