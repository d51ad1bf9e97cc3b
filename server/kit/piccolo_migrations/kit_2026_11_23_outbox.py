"""The outbox."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-23T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Work for later, written in the transaction that causes it."


async def forwards() -> MigrationManager:
    """Make the outbox and the doors' right to enter."""
    return sql_migration(
        ID,
        "kit",
        DESCRIPTION,
        [
            """
            CREATE TABLE outbox (
                id uuid PRIMARY KEY,
                tenant_id uuid,
                topic text NOT NULL,
                payload jsonb NOT NULL,
                dedupe_key text,
                run_at timestamptz NOT NULL,
                added_at timestamptz NOT NULL,
                lease bigint NOT NULL DEFAULT 0,
                leased_until timestamptz,
                attempts bigint NOT NULL DEFAULT 0,
                last_error text
            )
            """,
            "CREATE UNIQUE INDEX outbox_dedupe ON outbox (dedupe_key) WHERE dedupe_key IS NOT NULL",
            "CREATE INDEX outbox_due ON outbox (run_at, id)",
            "GRANT INSERT ON outbox TO tonglu_app, tonglu_platform",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO tonglu_job",
        ],
    )
