"""Of a sheet it is said whether its sales that are alike to others are not the same."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:018000"
VERSION = "1.38.0"
DESCRIPTION = "Whether sales of a sheet that are alike to others are others."


async def forwards() -> MigrationManager:
    """Add what is said; of sheets from before nobody has said so."""
    return sql_migration(
        ID,
        "commission_sheets",
        DESCRIPTION,
        ["ALTER TABLE commission_sheet ADD COLUMN are_others boolean NOT NULL DEFAULT false"],
    )
