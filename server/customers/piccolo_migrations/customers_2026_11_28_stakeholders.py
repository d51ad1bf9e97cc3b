"""What a contact is to a purchase, and where it stands to us."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000085"
VERSION = "1.38.0"
DESCRIPTION = "Role and stance of contacts."


async def forwards() -> MigrationManager:
    """Add the columns."""
    return sql_migration(
        ID,
        "customers",
        DESCRIPTION,
        [f'ALTER TABLE contact ADD COLUMN {name} text COLLATE "C"' for name in ("role", "stance")],
    )
