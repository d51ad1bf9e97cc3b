"""Through which address of a channel a notification has left."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000810"
VERSION = "1.38.0"
DESCRIPTION = "Deliveries are noted by address, where a channel has several."


async def forwards() -> MigrationManager:
    """Let each address have its own note; what was noted before stands for all of its channel."""
    return sql_migration(ID, "notifications", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    """
    ALTER TABLE notification_delivery
        ADD COLUMN reach text COLLATE "C" NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE notification_delivery
        DROP CONSTRAINT notification_delivery_pkey,
        ADD PRIMARY KEY (tenant_id, notification_id, channel, reach)
    """,
]
