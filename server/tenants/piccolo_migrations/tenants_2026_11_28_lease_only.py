"""An owner may want encrypted stores alone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Companies that take no device without an encrypted store."


async def forwards() -> MigrationManager:
    """Add the column; no company wants it so far."""
    return sql_migration(
        ID,
        "tenants",
        DESCRIPTION,
        ["ALTER TABLE tenant ADD COLUMN lease_only boolean NOT NULL DEFAULT false"],
    )
