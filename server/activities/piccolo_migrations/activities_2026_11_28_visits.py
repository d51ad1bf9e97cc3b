"""Visits."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Visits, the one place where positions of people are kept."


async def forwards() -> MigrationManager:
    """Make the room's first table."""
    return sql_migration(ID, "activities", DESCRIPTION, _VISIT)


_VISIT = [
    f"""
    CREATE TABLE visit (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        store_id uuid,
        visitor_id uuid NOT NULL,
        planned_at timestamptz,
        purpose text,
        checked_in_at timestamptz,
        lat bigint,
        lng bigint,
        accuracy_m bigint,
        fix_age_s bigint,
        is_mocked bigint,
        checked_out_at timestamptz,
        cancelled_at timestamptz,
        summary text,
        next_step text,
        trust_score bigint CHECK (trust_score BETWEEN 0 AND 100),
        trust_reasons jsonb,
        appeal text,
        appeal_state text COLLATE "C" CHECK (appeal_state IN ('open', 'upheld', 'rejected')),
        decided_by uuid,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, store_id) REFERENCES store (tenant_id, id),
        -- A position belongs to a check-in, and to nothing else.
        CHECK (checked_in_at IS NOT NULL OR (lat IS NULL AND lng IS NULL)),
        CHECK (checked_in_at <= checked_out_at)
    )
    """,
    *sync_indexes("visit"),
    "CREATE INDEX visit_customer ON visit (tenant_id, customer_id, id)",
    "CREATE INDEX visit_visitor ON visit (tenant_id, visitor_id, checked_in_at, id)",
    """
    CREATE INDEX visit_planned ON visit (tenant_id, visitor_id, planned_at)
    WHERE planned_at IS NOT NULL AND checked_in_at IS NULL AND cancelled_at IS NULL
    """,
    *tenant_table("visit"),
]
