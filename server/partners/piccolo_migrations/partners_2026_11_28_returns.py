"""That an agent which has left may come back."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001810"
VERSION = "1.38.0"
DESCRIPTION = "That an agent which has left may come back."


async def forwards() -> MigrationManager:
    """Let an exit be over in two ways, and another one begin."""
    return sql_migration(
        ID,
        "partners",
        DESCRIPTION,
        [
            "ALTER TABLE agent_exit DROP CONSTRAINT agent_exit_state_check",
            """
            ALTER TABLE agent_exit ADD CONSTRAINT agent_exit_state_check
            CHECK (state IN ('open', 'carrying', 'done', 'cancelled', 'returned'))
            """,
            "DROP INDEX agent_exit_once",
            """
            CREATE UNIQUE INDEX agent_exit_once ON agent_exit (agent_id)
            WHERE state NOT IN ('cancelled', 'returned')
            """,
        ],
    )
