"""How much tags are used."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000130"
VERSION = "1.38.0"
DESCRIPTION = "Use of tags."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "customers", DESCRIPTION, _TABLES)


_TABLES = [
    """
    CREATE TABLE tag_use (
        tenant_id uuid NOT NULL,
        tag_id uuid NOT NULL,
        customers bigint NOT NULL,
        used_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, tag_id),
        FOREIGN KEY (tenant_id, tag_id) REFERENCES tag (tenant_id, id) ON DELETE CASCADE
    )
    """,
    *tenant_table("tag_use"),
]
