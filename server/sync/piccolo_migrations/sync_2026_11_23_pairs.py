"""Pairs of customers that may be one."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000024"
VERSION = "1.38.0"
DESCRIPTION = "Duplicate candidates, for people to decide."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            """
            CREATE TABLE duplicate_pair (
                tenant_id uuid NOT NULL,
                first_id uuid NOT NULL,
                second_id uuid NOT NULL,
                reasons text NOT NULL,
                found_at timestamptz NOT NULL,
                state text NOT NULL CHECK (state IN ('open', 'merged')),
                PRIMARY KEY (tenant_id, second_id, first_id),
                CHECK (first_id < second_id)
            )
            """,
            *tenant_table("duplicate_pair", app="SELECT, INSERT, UPDATE"),
        ],
    )
