"""A break may be refused, with the reason."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:010000"
VERSION = "1.38.0"
DESCRIPTION = "What the platform does not follow is refused, and its note says why."


async def forwards() -> MigrationManager:
    """Allow one more outcome."""
    statements = [
        "ALTER TABLE recon_exception DROP CONSTRAINT recon_exception_outcome_check",
        """
        ALTER TABLE recon_exception ADD CONSTRAINT recon_exception_outcome_check
        CHECK (outcome IN ('corrected_here', 'corrected_there', 'accepted', 'rejected'))
        """,
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
