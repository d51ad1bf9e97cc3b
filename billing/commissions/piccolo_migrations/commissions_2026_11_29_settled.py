"""When the bank paid: a year's table counts a payment in the month in which it was paid."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004420"
VERSION = "1.38.0"
DESCRIPTION = "When payments of commission were answered by the bank."


async def forwards() -> MigrationManager:
    """Add the time; of payments from before, the one at which they were let go stands for it."""
    return sql_migration(ID, "commissions", DESCRIPTION, _SETTLED)


_SETTLED = [
    "ALTER TABLE payout_payment ADD COLUMN settled_at timestamptz",
    "GRANT UPDATE (settled_at) ON payout_payment TO tonglu_platform",
    "CREATE INDEX payout_payment_of_agent ON payout_payment (agent_id)",
]
