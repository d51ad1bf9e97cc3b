"""Saved views say of which list they are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000240"
VERSION = "1.38.0"
DESCRIPTION = "Saved views of customers, deals and leads."


async def forwards() -> MigrationManager:
    """Name the list in the views that are there: all of them are of customers."""
    return sql_migration(ID, "views", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    # Of all companies, which forced row-level security hides from the owner; the table is locked
    # until it is forced again.
    "ALTER TABLE saved_view NO FORCE ROW LEVEL SECURITY",
    """UPDATE saved_view SET look = '{"list": "customers"}' || look""",
    "ALTER TABLE saved_view FORCE ROW LEVEL SECURITY",
    "ALTER TABLE saved_view ADD CHECK (look ? 'list')",
]
