"""What stands on a company's devices is added up with each lease."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:009000"
VERSION = "1.38.0"
DESCRIPTION = "Find what stands on a company's devices."


async def forwards() -> MigrationManager:
    """Add the index."""
    return sql_migration(ID, "escrow", DESCRIPTION, _INDEX)


_INDEX = [
    """
    CREATE INDEX escrow_unit_standing ON escrow_unit (agent_id, program_id)
    WHERE state IN ('held', 'given_back')
    """,
]
