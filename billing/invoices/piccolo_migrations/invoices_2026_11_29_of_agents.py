"""What agents paid and were credited is found by agent, however many others paid."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:007000"
VERSION = "1.38.0"
DESCRIPTION = "Payments and credit notes are found by agent."


async def forwards() -> MigrationManager:
    """Index both by agent: whether an agent's books are sound is asked of many at once."""
    statements = [
        f"CREATE INDEX {table}_of_agent ON {table} (agent_id)"
        for table in ("invoice_payment", "credit_note")
    ]
    return sql_migration(ID, "invoices", DESCRIPTION, statements)
