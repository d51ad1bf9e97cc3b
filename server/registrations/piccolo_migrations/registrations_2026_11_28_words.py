"""What the server itself knows of the time of a registration, beside what a phone says."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000910"
VERSION = "1.38.0"
DESCRIPTION = "The server's own bounds of a registration."


async def forwards() -> MigrationManager:
    """Keep them; of what has arrived before, nothing more is known than is said."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            "ALTER TABLE registry_entry ADD COLUMN floor_ms bigint, ADD COLUMN ceiling_ms bigint",
            """
            ALTER TABLE registry_entry ADD CONSTRAINT registry_entry_bounds
            CHECK (floor_ms <= earliest_ms AND latest_ms <= ceiling_ms)
            """,
        ],
    )
