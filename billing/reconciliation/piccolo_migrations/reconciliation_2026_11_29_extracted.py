"""A file knows when the platform's lines were written down beside it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004250"
VERSION = "1.38.0"
DESCRIPTION = "What a file is compared with is written down once, and before it is compared."


async def forwards() -> MigrationManager:
    """Note it, so that matching is done between transactions on lines that stay."""
    statements = [
        "ALTER TABLE recon_file ADD COLUMN extracted_at timestamptz",
        "GRANT UPDATE (extracted_at) ON recon_file TO tonglu_platform",
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
