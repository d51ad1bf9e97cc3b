"""Agents as the platform sees them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-23T00:00:00:000030"
VERSION = "1.38.0"
DESCRIPTION = "Agent companies with tier and city."


async def forwards() -> MigrationManager:
    """Make the table: the platform reads it, admission alone adds to it."""
    return sql_migration(
        ID,
        "partners",
        DESCRIPTION,
        [
            """
            CREATE TABLE agent (
                tenant_id uuid PRIMARY KEY,
                name text NOT NULL,
                short_name text NOT NULL,
                city text NOT NULL,
                tier text NOT NULL CHECK (tier IN ('gold', 'silver', 'bronze')),
                joined_at timestamptz NOT NULL
            )
            """,
            "GRANT SELECT ON agent TO tonglu_platform",
            "GRANT SELECT ON agent TO tonglu_job",
            # Admission writes it in one transaction with the tenant; an agent cannot read it.
            "GRANT INSERT ON agent TO tonglu_app",
        ],
    )
