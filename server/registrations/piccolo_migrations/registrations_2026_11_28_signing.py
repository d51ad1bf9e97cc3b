"""Until when a customer that has signed would be protected without its contract."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000920"
VERSION = "1.38.0"
DESCRIPTION = "What a signature does is undone when the contract ends."


async def forwards() -> MigrationManager:
    """Keep the day; of who has signed before it is counted from the grant."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        ["ALTER TABLE registry_entry ADD COLUMN unsigned_until timestamptz"],
    )
