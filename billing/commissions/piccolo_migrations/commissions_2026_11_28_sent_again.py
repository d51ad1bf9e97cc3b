"""What was asked under an id is kept whole, so that the same id with anything else is noticed."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-28T00:00:00:002200"
VERSION = "1.38.0"
DESCRIPTION = "Fingerprints of sales, minimums of payout batches."


async def forwards() -> MigrationManager:
    """Add both; rows from before have neither and are compared by what they have."""
    return sql_migration(ID, "commissions", DESCRIPTION, [_SALE, _BATCH])


_SALE = "ALTER TABLE commission_sale ADD COLUMN fingerprint bytea CHECK (length(fingerprint) = 32)"
_BATCH = "ALTER TABLE payout_batch ADD COLUMN minimum_minor bigint CHECK (minimum_minor >= 1)"
