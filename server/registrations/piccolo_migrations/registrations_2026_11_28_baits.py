"""Customers that do not exist end like others."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000940"
VERSION = "1.38.0"
DESCRIPTION = "Honeytokens that end."


async def forwards() -> MigrationManager:
    """Those that were laid before go on; they stand in no entry."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        ["ALTER TABLE registry_honeytoken ADD COLUMN ends_at timestamptz"],
    )
