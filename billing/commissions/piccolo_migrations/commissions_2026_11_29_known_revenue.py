"""A sale says its contract's number, its revenue where it is known, and what was sold before it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004400"
VERSION = "1.38.0"
DESCRIPTION = "Sales with their revenue, refunds with their reason."


async def forwards() -> MigrationManager:
    """Add what may be said; of sales from before the revenue is known where a plan measures it."""
    return sql_migration(ID, "commissions", DESCRIPTION, [*_SALE, *_KNOWN, *_REFUND])


_SALE = [
    "ALTER TABLE commission_sale ADD COLUMN contract_number text",
    """
    ALTER TABLE commission_sale ADD COLUMN revenue_minor bigint CHECK (revenue_minor >= 0)
    """,
    "ALTER TABLE commission_sale ADD COLUMN tier_base bigint CHECK (tier_base >= 0)",
    "CREATE INDEX commission_sale_by_day ON commission_sale (on_day, id)",
    "CREATE INDEX commission_item_of_line ON commission_item (line_id)",
]

_KNOWN = [
    # Under FORCE the owner sees no rows.
    "ALTER TABLE commission_sale NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE commission_plan_version NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE commission_sale sale SET revenue_minor = sale.sold FROM commission_plan_version version
    WHERE version.id = sale.version_id AND version.terms ->> 'measure' = 'revenue'
    """,
    "ALTER TABLE commission_plan_version FORCE ROW LEVEL SECURITY",
    "ALTER TABLE commission_sale FORCE ROW LEVEL SECURITY",
]

_REFUND = ["ALTER TABLE commission_refund ADD COLUMN reason text"]
