"""Notifications, how people want them, and which have left."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Notifications, how people want them, and which have left."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(
        ID,
        "notifications",
        DESCRIPTION,
        [
            """
            CREATE TABLE notification (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                user_id uuid NOT NULL,
                key text COLLATE "C" NOT NULL,
                kind text COLLATE "C" NOT NULL,
                subject text NOT NULL,
                page text COLLATE "C" NOT NULL,
                subject_id uuid,
                told_at timestamptz NOT NULL,
                read_at timestamptz,
                PRIMARY KEY (tenant_id, id),
                UNIQUE (tenant_id, user_id, key)
            )
            """,
            "CREATE INDEX notification_list ON notification (tenant_id, user_id, id)",
            """
            CREATE INDEX notification_unread ON notification (tenant_id, user_id)
            WHERE read_at IS NULL
            """,
            *tenant_table("notification", app="SELECT, INSERT, UPDATE"),
            """
            CREATE TABLE notification_setting (
                tenant_id uuid NOT NULL,
                user_id uuid NOT NULL,
                channels jsonb NOT NULL DEFAULT '[]',
                quiet_from_minute bigint CHECK (quiet_from_minute BETWEEN 0 AND 1439),
                quiet_until_minute bigint CHECK (quiet_until_minute BETWEEN 0 AND 1439),
                shows_subject boolean NOT NULL DEFAULT true,
                PRIMARY KEY (tenant_id, user_id)
            )
            """,
            *tenant_table("notification_setting", app="SELECT, INSERT, UPDATE"),
            """
            CREATE TABLE notification_delivery (
                tenant_id uuid NOT NULL,
                notification_id uuid NOT NULL,
                channel text COLLATE "C" NOT NULL,
                sent_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, notification_id, channel),
                FOREIGN KEY (tenant_id, notification_id) REFERENCES notification (tenant_id, id)
            )
            """,
            *tenant_table("notification_delivery", app="SELECT, INSERT"),
        ],
    )
