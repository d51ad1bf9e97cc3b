"""The outcome of every op."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000020"
VERSION = "1.38.0"
DESCRIPTION = "What became of each op of each device."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            """
            CREATE TABLE op_outcome (
                tenant_id uuid NOT NULL,
                device_id uuid NOT NULL,
                number bigint NOT NULL,
                digest bytea NOT NULL,
                outcome jsonb NOT NULL,
                at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, device_id, number)
            )
            """,
            *tenant_table("op_outcome", app="SELECT, INSERT"),
        ],
    )
