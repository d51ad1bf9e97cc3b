"""Tasks."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Tasks, with what must be done."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "activities", DESCRIPTION, _TASK)


_OPEN = "done_at IS NULL AND cancelled_at IS NULL AND NOT deleted"
_TASK = [
    f"""
    CREATE TABLE task (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        title text NOT NULL,
        detail text,
        due_at timestamptz,
        priority text COLLATE "C" CHECK (priority IN ('low', 'normal', 'high')),
        is_must_do bigint CHECK (is_must_do IN (0, 1)),
        done_at timestamptz,
        cancelled_at timestamptz,
        result text,
        assignee_id uuid NOT NULL,
        giver_id uuid,
        rule_id uuid,
        rule_version bigint,
        escalation text COLLATE "C" CHECK (escalation IN ('warned', 'manager', 'owner')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        CHECK (done_at IS NULL OR cancelled_at IS NULL),
        CHECK (is_must_do = 0 OR due_at IS NOT NULL)
    )
    """,
    *sync_indexes("task"),
    "CREATE INDEX task_customer ON task (tenant_id, customer_id, id)",
    # What has no time until when stands behind everything that has one.
    f"""
    CREATE INDEX task_open ON task
        (tenant_id, assignee_id, coalesce(due_at, timestamptz '9999-12-31 00:00:00+00'), id)
    WHERE {_OPEN}
    """,
    f"""
    CREATE INDEX task_open_of_all ON task
        (tenant_id, coalesce(due_at, timestamptz '9999-12-31 00:00:00+00'), id)
    WHERE {_OPEN}
    """,
    # Those whose clock still has something to say.
    f"""
    CREATE INDEX task_clock ON task (tenant_id, due_at, id)
    WHERE is_must_do = 1 AND escalation IS DISTINCT FROM 'owner' AND {_OPEN}
    """,
    *tenant_table("task"),
]
