"""Service cases, and what was done and said about them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000083"
VERSION = "1.38.0"
DESCRIPTION = "Service cases."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(ID, "cases", DESCRIPTION, [*_CASE, *_EVENT])


_CASE = [
    f"""
    CREATE TABLE service_case (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        subject text NOT NULL,
        detail text,
        severity text COLLATE "C" NOT NULL,
        category text COLLATE "C" NOT NULL,
        assignee_id uuid NOT NULL,
        state text COLLATE "C" NOT NULL,
        state_since timestamptz NOT NULL,
        opened_at timestamptz NOT NULL,
        answer_due_at timestamptz,
        answered_at timestamptz,
        resolve_due_at timestamptz,
        resolved_at timestamptz,
        waited_ms bigint NOT NULL CHECK (waited_ms >= 0),
        result text,
        opened_by uuid NOT NULL,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
    )
    """,
    *sync_indexes("service_case"),
    "CREATE INDEX service_case_customer ON service_case (tenant_id, customer_id, id)",
    """
    CREATE INDEX service_case_live ON service_case (tenant_id, resolve_due_at, id)
    WHERE state IN ('open', 'in_progress', 'waiting') AND NOT deleted
    """,
    *tenant_table("service_case"),
]
_EVENT = [
    """
    CREATE TABLE service_case_event (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        case_id uuid NOT NULL,
        seq bigint,
        verb text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        text text,
        done_by uuid NOT NULL,
        done_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX service_case_event_of ON service_case_event (tenant_id, case_id, done_at)",
    *tenant_table("service_case_event", app="SELECT, INSERT"),
]
