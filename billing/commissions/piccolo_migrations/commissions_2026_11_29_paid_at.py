"""When the bank paid stays, whatever it does later: a year keeps what was paid in it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:008010"
VERSION = "1.38.0"
DESCRIPTION = "When payments of commission were paid."


async def forwards() -> MigrationManager:
    """Add the time; of payments that have come back since, the one of their approval stands."""
    return sql_migration(ID, "commissions", DESCRIPTION, _PAID)


_PAID = [
    "ALTER TABLE payout_payment ADD COLUMN paid_at timestamptz",
    "GRANT UPDATE (paid_at) ON payout_payment TO tonglu_platform",
]
