"""What branches of a company let each other see."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000025"
VERSION = "1.38.0"
DESCRIPTION = "Sharing between the teams of a company."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "identity", DESCRIPTION, _TABLES)


# A line is never changed: its id says all that the Actor was made of.
_TABLES = [
    """
    CREATE TABLE sharing (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        from_team_id uuid NOT NULL,
        to_team_id uuid NOT NULL CHECK (to_team_id <> from_team_id),
        levels text[] NOT NULL,
        cities text[] NOT NULL,
        tag_id uuid,
        parts text[] NOT NULL,
        may_write boolean NOT NULL,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, from_team_id) REFERENCES team (tenant_id, id),
        FOREIGN KEY (tenant_id, to_team_id) REFERENCES team (tenant_id, id)
    )
    """,
    "CREATE INDEX sharing_to ON sharing (tenant_id, to_team_id, id)",
    *tenant_table("sharing", app="SELECT, INSERT, DELETE"),
]
