"""Ops that came, after a restoration, before what they belong to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000021"
VERSION = "1.38.0"
DESCRIPTION = "Ops that wait for a record which another device sends again."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            """
            CREATE TABLE orphan_op (
                tenant_id uuid NOT NULL,
                device_id uuid NOT NULL,
                number bigint NOT NULL,
                user_id uuid NOT NULL,
                waits_for uuid NOT NULL,
                op jsonb NOT NULL,
                clock jsonb NOT NULL,
                kept_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, device_id, number)
            )
            """,
            "CREATE INDEX orphan_op_waits_for ON orphan_op (tenant_id, waits_for)",
            *tenant_table("orphan_op", app="SELECT, INSERT, DELETE"),
        ],
    )
