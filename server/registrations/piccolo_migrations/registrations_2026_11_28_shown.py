"""What a party has shown is known by the party and its id: who shows makes the id."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001410"
VERSION = "1.38.0"
DESCRIPTION = "Evidence of two parties under one id."


async def forwards() -> MigrationManager:
    """Let two parties have made the same id."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            "ALTER TABLE registry_evidence DROP CONSTRAINT registry_evidence_pkey",
            "ALTER TABLE registry_evidence ADD PRIMARY KEY (entry_id, id)",
        ],
    )
