"""When a protection was let go, and for how long it is not registered again."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001900"
VERSION = "1.38.0"
DESCRIPTION = "Cooling-off before a customer is registered again."


async def forwards() -> MigrationManager:
    """Keep it from now on; terms that were published before promise no such days."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            "ALTER TABLE registry_entry ADD COLUMN let_go_at timestamptz",
            """
            UPDATE registration_terms SET terms = terms || '{"cooling_days": 0}'
            WHERE NOT terms ? 'cooling_days'
            """,
        ],
    )
