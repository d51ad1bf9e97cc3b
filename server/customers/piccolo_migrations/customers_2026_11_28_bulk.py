"""Bulk changes of customers."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Many customers changed at once, and what stood there before."


async def forwards() -> MigrationManager:
    """Make the tables."""
    return sql_migration(ID, "customers", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    """
    CREATE TABLE customer_bulk (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL CHECK (kind IN ('edit', 'hand_over')),
        asked jsonb NOT NULL,
        changed integer NOT NULL,
        unchanged integer NOT NULL,
        refused integer NOT NULL,
        refusals jsonb NOT NULL,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        undone_by uuid,
        undone_at timestamptz,
        restored integer,
        kept integer,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX customer_bulk_list ON customer_bulk (tenant_id, made_at DESC, id DESC)",
    *tenant_table("customer_bulk", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE customer_bulk_row (
        tenant_id uuid NOT NULL,
        bulk_id uuid NOT NULL,
        record_kind text NOT NULL,
        record_id uuid NOT NULL,
        before jsonb NOT NULL,
        PRIMARY KEY (tenant_id, bulk_id, record_kind, record_id),
        FOREIGN KEY (tenant_id, bulk_id) REFERENCES customer_bulk (tenant_id, id)
    )
    """,
    *tenant_table("customer_bulk_row", app="SELECT, INSERT"),
]
