"""The index by which leads are listed, in a form that also finds where a page begins."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import or_else, sql_migration

ID = "2026-11-28T00:00:00:000087"
VERSION = "1.38.0"
DESCRIPTION = "Pages of leads by amount, however far down."


async def forwards() -> MigrationManager:
    """Make the index anew; code that is older sorts meanwhile."""
    return sql_migration(ID, "leads", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    "DROP INDEX raw_lead_list",
    f"""
    CREATE INDEX raw_lead_list ON raw_lead (
        tenant_id, state, city, ({or_else("amount_minor", -1)}) DESC, id
    )
    """,
]
