"""How a verdict's hash was made."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001920"
VERSION = "1.38.0"
DESCRIPTION = "Formats of verdicts' hashes."


async def forwards() -> MigrationManager:
    """Name the format of what was decided before; from now on each says its own."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            "ALTER TABLE registry_verdict ADD COLUMN format integer NOT NULL DEFAULT 1",
            "ALTER TABLE registry_verdict ALTER COLUMN format DROP DEFAULT",
        ],
    )
