"""How much of a customer its word lets go along."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001800"
VERSION = "1.38.0"
DESCRIPTION = "How much of a customer goes along."


async def forwards() -> MigrationManager:
    """Until now the card alone went."""
    return sql_migration(
        ID,
        "exits",
        DESCRIPTION,
        [
            """
            ALTER TABLE exit_consent ADD COLUMN carries text COLLATE "C" NOT NULL DEFAULT 'card'
                CHECK (carries IN ('card', 'history'))
            """,
        ],
    )
