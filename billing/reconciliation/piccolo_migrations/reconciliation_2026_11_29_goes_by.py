"""A file keeps by which others it goes, so that none of those is taken back before it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:014000"
VERSION = "1.38.0"
DESCRIPTION = "By which of the agent's other files a file is compared."


async def forwards() -> MigrationManager:
    """Add what is noted when a file begins to be compared; some have begun already."""
    statements = [
        "ALTER TABLE recon_file ADD COLUMN goes_by uuid[] NOT NULL DEFAULT '{}'",
        "GRANT UPDATE (goes_by) ON recon_file TO tonglu_platform",
        # Under FORCE the owner sees no rows.
        "ALTER TABLE recon_file NO FORCE ROW LEVEL SECURITY",
        """
        UPDATE recon_file file SET goes_by = ARRAY(
            SELECT other.id FROM recon_file other
            WHERE other.agent_id = file.agent_id AND other.state = 'compared'
                AND other.period BETWEEN file.period - interval '1 month'
                AND file.period + interval '1 month'
            ORDER BY other.id
        )
        WHERE state = 'loading' AND extracted_at IS NOT NULL
        """,
        "ALTER TABLE recon_file FORCE ROW LEVEL SECURITY",
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
