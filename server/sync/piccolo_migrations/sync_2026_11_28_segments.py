"""Pages of a first sync, kept as they travelled."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Pages of a first sync for the next device that sees the same."


async def forwards() -> MigrationManager:
    """Make the table: a cache, which may be emptied at any time."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            """
            CREATE TABLE feed_segment (
                tenant_id uuid NOT NULL,
                sight text NOT NULL,
                form text NOT NULL,
                epoch bigint NOT NULL,
                started bigint NOT NULL,
                after_seq bigint NOT NULL,
                after_kind integer NOT NULL,
                after_id uuid NOT NULL,
                end_seq bigint NOT NULL,
                end_kind integer NOT NULL,
                end_id uuid NOT NULL,
                frame bytea NOT NULL,
                made_at timestamptz NOT NULL,
                PRIMARY KEY (
                    tenant_id, sight, form, epoch, after_seq, after_kind, after_id, started
                )
            )
            """,
            # It is compressed already.
            "ALTER TABLE feed_segment ALTER COLUMN frame SET STORAGE EXTERNAL",
            *tenant_table("feed_segment", app="SELECT, INSERT, DELETE"),
        ],
    )
