"""Cases in which both are heard: who waives more evidence, what the first verdict said."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000930"
VERSION = "1.38.0"
DESCRIPTION = "Waivers of evidence, and the first of two verdicts."


async def forwards() -> MigrationManager:
    """Keep them beside the parties and the cases."""
    return sql_migration(
        ID,
        "registrations",
        DESCRIPTION,
        [
            "ALTER TABLE registry_party ADD COLUMN waived_at timestamptz",
            "ALTER TABLE registry_case ADD COLUMN first_by uuid, ADD COLUMN first_reason text",
        ],
    )
