"""Sales of some contracts are found without reading all of their year."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:008020"
VERSION = "1.38.0"
DESCRIPTION = "Sales by contract."


async def forwards() -> MigrationManager:
    """Add the index."""
    return sql_migration(
        *(ID, "commissions", DESCRIPTION),
        ["CREATE INDEX commission_sale_of_contract ON commission_sale (contract_id, on_day)"],
    )
