"""What a company has let go lately is found without looking through all that it registered."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001940"
VERSION = "1.38.0"
DESCRIPTION = "An index of what was let go."


async def forwards() -> MigrationManager:
    """Index what ran out or was given back, by when."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            """
            CREATE INDEX registration_let_go ON registration (tenant_id, state_since)
            WHERE state IN ('expired', 'released')
            """
        ],
    )
