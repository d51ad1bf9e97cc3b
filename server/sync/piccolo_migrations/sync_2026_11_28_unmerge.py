"""A merge may be taken back, and devices drop what goes with it out of their sight."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000041"
VERSION = "1.38.0"
DESCRIPTION = "When a merge was taken back, and which records left a customer by that."


async def forwards() -> MigrationManager:
    """Add the columns and make the table."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            """
            ALTER TABLE customer_merge ADD COLUMN undone_at timestamptz,
                ADD COLUMN undone_by uuid, ADD COLUMN undone jsonb
            """,
            "GRANT UPDATE (undone_at, undone_by, undone) ON customer_merge TO tonglu_app",
            "CREATE INDEX customer_merge_into ON customer_merge (tenant_id, into_id, seq)",
            """
            CREATE TABLE record_exit (
                tenant_id uuid NOT NULL,
                kind text COLLATE "C" NOT NULL,
                record_id uuid NOT NULL,
                seq bigint NOT NULL,
                customer_id uuid NOT NULL,
                owner_id uuid,
                team_id uuid,
                at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, seq, kind, record_id)
            )
            """,
            "CREATE INDEX record_exit_record ON record_exit (tenant_id, record_id)",
            *tenant_table("record_exit"),
        ],
    )
