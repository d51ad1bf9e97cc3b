"""The indexes by which open tasks are listed, in a form that also finds where a page begins."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import or_else, sql_migration

ID = "2026-11-28T00:00:00:000200"
VERSION = "1.38.0"
DESCRIPTION = "Pages of open tasks by when they are due, however far down."

_DUE = or_else("due_at", "timestamptz '9999-12-31 00:00:00+00'")
_OPEN = "WHERE done_at IS NULL AND cancelled_at IS NULL AND NOT deleted"


async def forwards() -> MigrationManager:
    """Make the indexes anew; code that is older sorts meanwhile."""
    return sql_migration(ID, "activities", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    "DROP INDEX task_open",
    f"CREATE INDEX task_open ON task (tenant_id, assignee_id, ({_DUE}), id) {_OPEN}",
    "DROP INDEX task_open_of_all",
    f"CREATE INDEX task_open_of_all ON task (tenant_id, ({_DUE}), id) {_OPEN}",
]
