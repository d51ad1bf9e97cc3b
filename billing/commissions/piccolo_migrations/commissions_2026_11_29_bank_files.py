"""Whom a bank's file told the bank to pay: accounts chosen by one person leave a trace."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-29T00:00:00:013000"
VERSION = "1.38.0"
DESCRIPTION = "Bank files of payout batches."


async def forwards() -> MigrationManager:
    """Make the table, which is the platform's alone."""
    return sql_migration(ID, "commissions", DESCRIPTION, _FILES)


_FILES = [
    """
    CREATE TABLE payout_file (
        id uuid PRIMARY KEY,
        batch_id uuid NOT NULL REFERENCES payout_batch (id),
        n integer NOT NULL,
        sha256 bytea NOT NULL CHECK (length(sha256) = 32),
        sums_minor jsonb NOT NULL,
        payees jsonb NOT NULL,
        written_by uuid NOT NULL,
        written_at timestamptz NOT NULL,
        UNIQUE (batch_id, n)
    )
    """,
    *append_only("payout_file"),
    *reachable("payout_file"),
    "GRANT SELECT, INSERT ON payout_file TO tonglu_platform",
]
