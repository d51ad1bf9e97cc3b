"""A file of any length is compared piece by piece, each in a short transaction."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:006000"
VERSION = "1.38.0"
DESCRIPTION = "The books are written down beside a file piece by piece."


async def forwards() -> MigrationManager:
    """Note how far that has come. What its sides come to says who compares it, no function."""
    statements = [
        """
        ALTER TABLE recon_file ADD COLUMN booked_until uuid,
            ADD COLUMN named_until bigint CHECK (named_until <= last_row)
        """,
        "GRANT UPDATE (booked_until, named_until) ON recon_file TO tonglu_platform",
        # A benefit stands once in an extract, however often a file names it.
        """
        CREATE UNIQUE INDEX recon_line_named ON recon_line (file_id, reference)
        WHERE side = 'here'
        """,
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
