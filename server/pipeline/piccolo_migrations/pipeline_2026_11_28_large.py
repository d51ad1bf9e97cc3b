"""Indexes by which lists of large companies are read without reading the rest."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import or_else, sql_migration

ID = "2026-11-28T00:00:00:000087"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for companies with very many deals."

_AMOUNT = or_else("amount_minor", 0)


async def forwards() -> MigrationManager:
    """Make the indexes; code that is older orders by the former ones, and sorts meanwhile."""
    return sql_migration(ID, "pipeline", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    "DROP INDEX opportunity_board",
    f"""
    CREATE INDEX opportunity_board ON opportunity (
        tenant_id, state, stage, ({_AMOUNT}) DESC, id
    ) WHERE NOT deleted
    """,
    f"""
    CREATE INDEX opportunity_largest ON opportunity (tenant_id, ({_AMOUNT}) DESC, id)
    WHERE NOT deleted
    """,
    "CREATE INDEX pipeline_total_team ON pipeline_total (tenant_id, grain, team_id)",
]
