"""Saved views of lists."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000026"
VERSION = "1.38.0"
DESCRIPTION = "Saved views."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "customers", DESCRIPTION, _TABLES)


_TABLES = [
    """
    CREATE TABLE saved_view (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        look jsonb NOT NULL,
        audience text COLLATE "C" NOT NULL CHECK (audience IN ('own', 'team', 'tenant')),
        made_by uuid NOT NULL,
        team_id uuid,
        made_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, made_by) REFERENCES user_account (tenant_id, id),
        CHECK (audience <> 'team' OR team_id IS NOT NULL)
    )
    """,
    "CREATE INDEX saved_view_of ON saved_view (tenant_id, made_by)",
    *tenant_table("saved_view"),
]
