"""How long agents waited for the platform."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001400"
VERSION = "1.38.0"
DESCRIPTION = "How long agents waited for the platform."


async def forwards() -> MigrationManager:
    """Make their table."""
    return sql_migration(ID, "registrations", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    """
    CREATE TABLE registry_wait (
        entry_id uuid NOT NULL REFERENCES registry_entry (id),
        tenant_id uuid NOT NULL,
        case_id uuid REFERENCES registry_case (id),
        reason text COLLATE "C" NOT NULL
            CHECK (reason IN ('arrival', 'window', 'contest', 'verdict')),
        began_at timestamptz NOT NULL,
        ended_at timestamptz NOT NULL,
        PRIMARY KEY (entry_id, reason, began_at),
        CHECK (began_at < ended_at)
    )
    """,
    # An arbitrator's verdict ends a wait, too; told again, it is one: what conflicts is looked at.
    "GRANT SELECT, INSERT ON registry_wait TO tonglu_job, tonglu_platform",
]
