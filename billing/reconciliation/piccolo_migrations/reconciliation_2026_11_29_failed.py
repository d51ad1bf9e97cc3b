"""A file that nobody goes on with ends as failed, and may come again."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:006010"
VERSION = "1.38.0"
DESCRIPTION = "A file that could not be compared has failed."


async def forwards() -> MigrationManager:
    """Let a file fail; its bytes may come again, as those of a withdrawn one may."""
    statements = [
        "ALTER TABLE recon_file DROP CONSTRAINT recon_file_state_check",
        """
        ALTER TABLE recon_file ADD CONSTRAINT recon_file_state_check
        CHECK (state IN ('loading', 'compared', 'withdrawn', 'failed'))
        """,
        "DROP INDEX recon_file_once",
        """
        CREATE UNIQUE INDEX recon_file_once ON recon_file (agent_id, sha256)
        WHERE state NOT IN ('withdrawn', 'failed')
        """,
        "CREATE INDEX recon_file_loading ON recon_file (id) WHERE state = 'loading'",
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
