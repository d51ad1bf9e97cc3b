"""Refunds are read by the sale that they take back."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:015010"
VERSION = "1.38.0"
DESCRIPTION = "Refunds of a sale are found by it."


async def forwards() -> MigrationManager:
    """Index refunds by their sale."""
    return sql_migration(
        ID,
        "commissions",
        DESCRIPTION,
        ["CREATE INDEX commission_refund_of_sale ON commission_refund (sale_id, recorded_at)"],
    )
