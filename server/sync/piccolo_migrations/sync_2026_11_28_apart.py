"""Pairs that somebody has told apart."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000092"
VERSION = "1.38.0"
DESCRIPTION = "Two customers that look alike may be told apart."


async def forwards() -> MigrationManager:
    """Let a pair have a third state."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            "ALTER TABLE duplicate_pair DROP CONSTRAINT duplicate_pair_state_check",
            """
            ALTER TABLE duplicate_pair ADD CONSTRAINT duplicate_pair_state_check
            CHECK (state IN ('open', 'merged', 'apart'))
            """,
        ],
    )
