"""Payout batches have a number, so that people can speak of one."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:015020"
VERSION = "1.38.0"
DESCRIPTION = "Numbers of payout batches."


async def forwards() -> MigrationManager:
    """Add the number: of what is there in the order of making; whoever makes one counts on."""
    return sql_migration(ID, "commissions", DESCRIPTION, _NUMBERED)


_NUMBERED = [
    # One that a server makes that does not number them yet has none.
    "ALTER TABLE payout_batch ADD COLUMN number bigint",
    # Under FORCE the owner sees no rows.
    "ALTER TABLE payout_batch NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE payout_batch batch SET number = counted.number FROM (
        SELECT id, row_number() OVER (ORDER BY made_at, id) AS number FROM payout_batch
    ) counted WHERE counted.id = batch.id
    """,
    "ALTER TABLE payout_batch FORCE ROW LEVEL SECURITY",
    "CREATE UNIQUE INDEX payout_batch_in_order ON payout_batch (number)",
]
