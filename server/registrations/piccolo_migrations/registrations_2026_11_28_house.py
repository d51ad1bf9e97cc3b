"""The platform as a party: its own customers, and its contacts with customers of agents."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000330"
VERSION = "1.38.0"
DESCRIPTION = "House registrations and the platform's contacts."


async def forwards() -> MigrationManager:
    """Make the tables: the platform's own notes; whom they are about is hashed in the registry."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            """
            CREATE TABLE house_registration (
                id uuid PRIMARY KEY,
                label text NOT NULL,
                registered_by uuid NOT NULL,
                registered_at timestamptz NOT NULL
            )
            """,
            "GRANT SELECT, INSERT ON house_registration TO tonglu_platform",
            """
            CREATE TABLE platform_contact (
                id uuid PRIMARY KEY,
                kind text NOT NULL CHECK (kind IN ('call', 'visit', 'message')),
                note text NOT NULL,
                contacted_by uuid NOT NULL,
                contacted_at timestamptz NOT NULL
            )
            """,
            "GRANT SELECT, INSERT ON platform_contact TO tonglu_platform",
        ],
    )
