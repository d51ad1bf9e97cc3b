"""When word of late must-do tasks goes where, and where it has gone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Versions of the rule of must-do tasks, and the steps that were gone."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(ID, "automation", DESCRIPTION, _TABLES)


_TABLES = [
    """
    CREATE TABLE sla_policy (
        tenant_id uuid NOT NULL,
        version bigint NOT NULL CHECK (version > 0),
        terms jsonb NOT NULL,
        set_by uuid NOT NULL,
        set_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, version)
    )
    """,
    *tenant_table("sla_policy", app="SELECT, INSERT"),
    """
    CREATE TABLE task_escalation (
        tenant_id uuid NOT NULL,
        task_id uuid NOT NULL,
        due_at timestamptz NOT NULL,
        step text COLLATE "C" NOT NULL CHECK (step IN ('warned', 'manager', 'owner')),
        sla_version bigint NOT NULL,
        told_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, task_id, due_at, step),
        FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
    )
    """,
    *tenant_table("task_escalation", app="SELECT, INSERT"),
]
