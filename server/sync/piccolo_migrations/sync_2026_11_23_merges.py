"""Which customers were merged into which, and what that did."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000023"
VERSION = "1.38.0"
DESCRIPTION = "Aliases of merged customers, and the provenance of each merge."


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            """
            CREATE TABLE customer_alias (
                tenant_id uuid NOT NULL,
                old_id uuid NOT NULL,
                into_id uuid NOT NULL,
                made_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, old_id)
            )
            """,
            "CREATE INDEX customer_alias_into ON customer_alias (tenant_id, into_id)",
            *tenant_table("customer_alias"),
            """
            CREATE TABLE customer_merge (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                old_id uuid NOT NULL,
                into_id uuid NOT NULL,
                seq bigint NOT NULL,
                merged_by uuid NOT NULL,
                merged_at timestamptz NOT NULL,
                moved jsonb NOT NULL,
                filled jsonb NOT NULL,
                repointed jsonb NOT NULL,
                PRIMARY KEY (tenant_id, id)
            )
            """,
            "CREATE INDEX customer_merge_old ON customer_merge (tenant_id, old_id, seq)",
            *tenant_table("customer_merge", app="SELECT, INSERT"),
        ],
    )
