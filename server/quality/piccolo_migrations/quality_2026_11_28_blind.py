"""Which doubles were found by a phone alone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000220"
VERSION = "1.38.0"
DESCRIPTION = "Doubles by phone alone, which are not told to whom phones are hidden from."


async def forwards() -> MigrationManager:
    """Add the column. What was kept before is told to nobody as a double until the next night."""
    add = "ALTER TABLE customer_quality ADD COLUMN is_double_by_phone boolean NOT NULL DEFAULT"
    later = "ALTER TABLE customer_quality ALTER COLUMN is_double_by_phone SET DEFAULT false"
    return sql_migration(ID, "quality", DESCRIPTION, [f"{add} true", later])
