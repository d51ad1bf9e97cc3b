"""Whether accounts are there is asked once a statement, no longer once a row."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-28T00:00:00:002410"
VERSION = "1.38.0"
DESCRIPTION = "Accounts of transfers are looked up in sets."


async def forwards() -> MigrationManager:
    """Drop what `ledger_apply_transfers` ensures for all rows of a statement together.

    It refuses a transfer of an account that is missing, and no account is ever deleted. Two foreign
    keys looked the same up row by row, on a hot account through all its versions: with that of
    issuances two thirds of the time of a statement of 64 rows.
    """
    return sql_migration(
        ID,
        "ledger",
        DESCRIPTION,
        [
            f"ALTER TABLE ledger_transfer DROP CONSTRAINT ledger_transfer_{side}_id_fkey"
            for side in ("debit", "credit")
        ],
    )
