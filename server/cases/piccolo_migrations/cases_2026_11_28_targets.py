"""By when cases are to be answered and resolved, as each company sets it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000096"
VERSION = "1.38.0"
DESCRIPTION = "Versions of the targets of service cases."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(
        ID,
        "cases",
        DESCRIPTION,
        [
            """
            CREATE TABLE case_targets (
                tenant_id uuid NOT NULL,
                version bigint NOT NULL CHECK (version > 0),
                valid_from timestamptz NOT NULL,
                targets jsonb NOT NULL,
                set_by uuid NOT NULL,
                set_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, version)
            )
            """,
            *tenant_table("case_targets", app="SELECT, INSERT"),
        ],
    )
