"""When people of a company are away."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Absences."

_ABSENCE = """
CREATE TABLE absence (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL CHECK (ends_on >= starts_on),
    note text NOT NULL DEFAULT '',
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES user_account (tenant_id, id)
)
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    statements = [
        _ABSENCE,
        "CREATE INDEX absence_of_person ON absence (tenant_id, user_id, ends_on)",
        *tenant_table("absence", app="SELECT, INSERT, DELETE"),
    ]
    return sql_migration(ID, "identity", DESCRIPTION, statements)
