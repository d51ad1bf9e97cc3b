"""Why the bank did not pay an agent, or gave its payment back."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:015000"
VERSION = "1.38.0"
DESCRIPTION = "Why payments of commission failed or came back."


async def forwards() -> MigrationManager:
    """Add the reason; of payments from before nobody has said one."""
    return sql_migration(ID, "commissions", DESCRIPTION, _REASONS)


_REASONS = [
    "ALTER TABLE payout_payment ADD COLUMN reason text",
    "GRANT UPDATE (reason) ON payout_payment TO tonglu_platform",
]
