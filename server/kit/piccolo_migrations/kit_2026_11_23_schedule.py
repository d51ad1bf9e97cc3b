"""The schedule."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-23T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Work that comes round, and when it is due."


async def forwards() -> MigrationManager:
    """Make the schedule, which is the workers' alone."""
    return sql_migration(
        ID,
        "kit",
        DESCRIPTION,
        [
            """
            CREATE TABLE schedule (
                name text COLLATE "C" PRIMARY KEY,
                due_at timestamptz NOT NULL,
                lease bigint NOT NULL DEFAULT 0,
                leased_until timestamptz,
                done_at timestamptz,
                failures bigint NOT NULL DEFAULT 0,
                last_error text
            )
            """,
            "GRANT SELECT, INSERT, UPDATE ON schedule TO tonglu_job",
        ],
    )
