"""Calendar feeds."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "The private addresses of people's calendars."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "agenda", DESCRIPTION, _FEED)


_FEED = [
    """
    CREATE TABLE calendar_feed (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        token_hash bytea NOT NULL,
        shows_customers bigint NOT NULL CHECK (shows_customers IN (0, 1)),
        made_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, user_id),
        UNIQUE (tenant_id, token_hash),
        FOREIGN KEY (tenant_id, user_id) REFERENCES user_account (tenant_id, id)
    )
    """,
    *tenant_table("calendar_feed"),
]
