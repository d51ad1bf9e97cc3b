"""How good customers' records are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000087"
VERSION = "1.38.0"
DESCRIPTION = "Data quality of customers."


async def forwards() -> MigrationManager:
    """Make the room's table."""
    return sql_migration(
        ID,
        "quality",
        DESCRIPTION,
        [
            """
            CREATE TABLE customer_quality (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                score bigint NOT NULL CHECK (score BETWEEN 0 AND 100),
                missing jsonb NOT NULL,
                assessed_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, id)
            )
            """,
            "CREATE INDEX customer_quality_worst ON customer_quality (tenant_id, score, id)",
            *tenant_table("customer_quality"),
        ],
    )
