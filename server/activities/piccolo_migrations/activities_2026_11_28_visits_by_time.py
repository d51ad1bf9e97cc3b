"""The indexes by which visits are listed: when they took place, or are planned for."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import or_else, sql_migration

ID = "2026-11-28T00:00:00:000700"
VERSION = "1.38.0"
DESCRIPTION = "Pages of visits by their time, however far down."

_AT = or_else("checked_in_at", or_else("planned_at", "timestamptz '9999-12-31 00:00:00+00'"))


async def forwards() -> MigrationManager:
    """Make the indexes; code that is older does not ask for them."""
    return sql_migration(ID, "activities", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    f"CREATE INDEX visit_at ON visit (tenant_id, ({_AT}), id)",
    f"CREATE INDEX visit_at_of ON visit (tenant_id, visitor_id, ({_AT}), id)",
]
