"""What the sharing contract does not name is not told."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000320"
VERSION = "1.38.0"
DESCRIPTION = "An agent's devices may be untold."


async def forwards() -> MigrationManager:
    """Let both counts be null."""
    return sql_migration(
        ID,
        "channel",
        DESCRIPTION,
        [
            "ALTER TABLE agent_health ALTER COLUMN devices DROP NOT NULL",
            "ALTER TABLE agent_health ALTER COLUMN pending DROP NOT NULL",
        ],
    )
