"""A file keeps by which others it goes, so that none of those is taken back before it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:014000"
VERSION = "1.38.0"
DESCRIPTION = "By which of the agent's other files a file is compared."


async def forwards() -> MigrationManager:
    """Add what is noted when a file begins to be compared."""
    statements = [
        "ALTER TABLE recon_file ADD COLUMN goes_by uuid[] NOT NULL DEFAULT '{}'",
        "GRANT UPDATE (goes_by) ON recon_file TO tonglu_platform",
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
