"""Who answers for what a play does to customers of all teams."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000800"
VERSION = "1.38.0"
DESCRIPTION = "The person who last let a play act."


async def forwards() -> MigrationManager:
    """Add the column; where it is empty, whoever published the version answers for it."""
    return sql_migration(ID, "automation", DESCRIPTION, ["ALTER TABLE play ADD COLUMN let_by uuid"])
