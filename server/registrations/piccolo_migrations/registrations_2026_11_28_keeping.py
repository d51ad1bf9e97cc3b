"""By what the registry's key is known again."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001910"
VERSION = "1.38.0"
DESCRIPTION = "A check of the registry's key."


async def forwards() -> MigrationManager:
    """Keep a hash of nothing; the first server that starts writes down its own."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        ['ALTER TABLE registry_clock ADD COLUMN key_check text COLLATE "C"'],
    )
