"""Indexes by which lists of large companies are read without reading the rest."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import or_else, sql_migration

ID = "2026-11-28T00:00:00:000087"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for companies with very many customers."

_REVENUE = or_else("expected_revenue_minor", -9007199254740992)


async def forwards() -> MigrationManager:
    """Make the indexes; code that is older orders by the former ones, and sorts meanwhile."""
    return sql_migration(ID, "customers", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    # Whose team it is: what a team sees, and what one team lets another see.
    "CREATE INDEX customer_team ON customer (tenant_id, team_id, seq, id)",
    # Carries what customers are counted by, so that counting reads the index alone.
    "DROP INDEX customer_list",
    f"""
    CREATE INDEX customer_list ON customer (tenant_id, city, status, ({_REVENUE}) DESC, id)
    INCLUDE (level, industry, source, expected_revenue_minor) WHERE NOT deleted
    """,
    "DROP INDEX customer_revenue",
    f"""
    CREATE INDEX customer_revenue ON customer (tenant_id, ({_REVENUE}) DESC, id) WHERE NOT deleted
    """,
]
