"""An index by which the leads of a company are counted."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "Leads by state and verdict."


async def forwards() -> MigrationManager:
    """Make the index."""
    index = "CREATE INDEX raw_lead_board ON raw_lead (tenant_id, state, verdict)"
    return sql_migration(ID, "leads", DESCRIPTION, [index])
