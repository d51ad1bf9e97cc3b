"""From whom a company hides phones."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000024"
VERSION = "1.38.0"
DESCRIPTION = "Masks of phones."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "identity", DESCRIPTION, _TABLES)


_TABLES = [
    """
    CREATE TABLE phone_mask (
        tenant_id uuid PRIMARY KEY REFERENCES tenant (tenant_id),
        roles text[] NOT NULL CHECK (roles <@ ARRAY['sales_manager', 'sales_rep']),
        reveals_per_day integer CHECK (reveals_per_day >= 0),
        wants_reason boolean NOT NULL,
        set_by uuid NOT NULL,
        set_at timestamptz NOT NULL
    )
    """,
    *tenant_table("phone_mask", app="SELECT, INSERT, UPDATE"),
]
