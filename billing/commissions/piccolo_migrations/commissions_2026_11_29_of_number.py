"""Contracts of sales are found by their number without reading all sales."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:017000"
VERSION = "1.38.0"
DESCRIPTION = "Sales by the number of their contract."


async def forwards() -> MigrationManager:
    """Add the index."""
    return sql_migration(
        *(ID, "commissions", DESCRIPTION),
        [
            """
            CREATE INDEX commission_sale_of_number ON commission_sale (contract_number)
            WHERE contract_number IS NOT NULL
            """
        ],
    )
