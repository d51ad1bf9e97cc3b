"""Of one agent's files one is compared at a time, so that each knows what the others have."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:006020"
VERSION = "1.38.0"
DESCRIPTION = "A benefit is matched in the file of one month."


async def forwards() -> MigrationManager:
    """Let one file of an agent be compared at a time; those that were being compared come again."""
    statements = [
        # Under FORCE the owner sees no rows.
        "ALTER TABLE recon_file NO FORCE ROW LEVEL SECURITY",
        """
        UPDATE recon_file SET state = 'failed'
        WHERE state = 'loading' AND extracted_at IS NOT NULL
        """,
        "ALTER TABLE recon_file FORCE ROW LEVEL SECURITY",
        """
        CREATE UNIQUE INDEX recon_file_at_once ON recon_file (agent_id)
        WHERE state = 'loading' AND extracted_at IS NOT NULL
        """,
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
