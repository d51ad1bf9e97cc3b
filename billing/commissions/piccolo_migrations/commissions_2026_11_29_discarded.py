"""A batch that nobody has let go can be discarded by who put it together."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:003100"
VERSION = "1.38.0"
DESCRIPTION = "Payout batches that were discarded."


async def forwards() -> MigrationManager:
    """Add when it was, and the state of its payments."""
    return sql_migration(ID, "commissions", DESCRIPTION, _DISCARDED)


_DISCARDED = [
    """
    ALTER TABLE payout_batch ADD COLUMN discarded_at timestamptz
    CHECK (discarded_at IS NULL OR approved_at IS NULL)
    """,
    "GRANT UPDATE (discarded_at) ON payout_batch TO tonglu_platform",
    "ALTER TABLE payout_payment DROP CONSTRAINT payout_payment_state_check",
    """
    ALTER TABLE payout_payment ADD CONSTRAINT payout_payment_state_check CHECK (
        state IN ('drafted', 'discarded', 'ordered', 'paid', 'failed', 'returned')
    )
    """,
]
