"""Who looked at hidden phones."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000024"
VERSION = "1.38.0"
DESCRIPTION = "Reveals of hidden phones."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "customers", DESCRIPTION, _TABLES)


_TABLES = [
    """
    CREATE TABLE phone_reveal (
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        day date NOT NULL,
        customer_id uuid NOT NULL,
        revealed_at timestamptz NOT NULL,
        reason text NOT NULL,
        PRIMARY KEY (tenant_id, user_id, day, customer_id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES user_account (tenant_id, id)
    )
    """,
    "CREATE INDEX phone_reveal_at ON phone_reveal (tenant_id, revealed_at, customer_id, user_id)",
    "CREATE INDEX phone_reveal_of ON phone_reveal (tenant_id, customer_id, revealed_at)",
    *tenant_table("phone_reveal", app="SELECT, INSERT"),
]
