"""Requests for help, what was done with them, and what the platform sees of those sent to it."""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000084"
VERSION = "1.38.0"
DESCRIPTION = "Requests for help."
_OWN: Final = "agent_id = (SELECT current_setting('app.tenant_id')::uuid)"


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(ID, "requests", DESCRIPTION, [*_REQUEST, *_EVENT, *_PLATFORM])


_REQUEST = [
    f"""
    CREATE TABLE resource_request (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        opportunity_id uuid,
        resource text COLLATE "C" NOT NULL,
        subject text NOT NULL,
        detail text,
        wished_on text COLLATE "C",
        briefing text,
        state text COLLATE "C" NOT NULL,
        state_since timestamptz NOT NULL,
        requested_at timestamptz NOT NULL,
        requested_by uuid NOT NULL,
        party text COLLATE "C",
        helper_id uuid,
        dispatch_id uuid,
        dispatched_at timestamptz,
        accepted_at timestamptz,
        closed_at timestamptz,
        due_at timestamptz,
        reason text,
        result text,
        verdict text COLLATE "C",
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, opportunity_id) REFERENCES opportunity (tenant_id, id)
    )
    """,
    *sync_indexes("resource_request"),
    "CREATE INDEX resource_request_customer ON resource_request (tenant_id, customer_id, id)",
    """
    CREATE INDEX resource_request_deal ON resource_request (tenant_id, opportunity_id, id)
    WHERE opportunity_id IS NOT NULL
    """,
    """
    CREATE INDEX resource_request_due ON resource_request (tenant_id, due_at, id)
    WHERE due_at IS NOT NULL AND NOT deleted
    """,
    *tenant_table("resource_request"),
]
_EVENT = [
    """
    CREATE TABLE resource_request_event (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        request_id uuid NOT NULL,
        seq bigint,
        verb text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        party text COLLATE "C" NOT NULL,
        text text,
        done_by uuid NOT NULL,
        done_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    """
    CREATE INDEX resource_request_event_of
    ON resource_request_event (tenant_id, request_id, done_at)
    """,
    *tenant_table("resource_request_event", app="SELECT, INSERT"),
]
_PLATFORM = [
    """
    CREATE TABLE platform_request (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        request_id uuid NOT NULL,
        resource text COLLATE "C" NOT NULL,
        briefing text NOT NULL,
        wished_on text COLLATE "C",
        level text COLLATE "C",
        city text,
        stage text COLLATE "C",
        state text COLLATE "C" NOT NULL
            CHECK (state IN ('dispatched', 'accepted', 'done', 'declined', 'cancelled')),
        sent_at timestamptz NOT NULL,
        accepted_at timestamptz,
        closed_at timestamptz,
        text text,
        verdict text COLLATE "C",
        answer_id uuid
    )
    """,
    "CREATE INDEX platform_request_queue ON platform_request (state, sent_at, id)",
    "CREATE INDEX platform_request_of_agent ON platform_request (agent_id, request_id)",
    "ALTER TABLE platform_request ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE platform_request FORCE ROW LEVEL SECURITY",
    """
    CREATE POLICY platform_request_platform ON platform_request TO tonglu_platform
    USING (current_user = 'tonglu_platform') WITH CHECK (current_user = 'tonglu_platform')
    """,
    f"""
    CREATE POLICY platform_request_agent ON platform_request TO tonglu_app
    USING ({_OWN}) WITH CHECK ({_OWN})
    """,
    "GRANT SELECT, INSERT ON platform_request TO tonglu_app",
    # An agent takes back what it sent, and says whether it was helped; it answers nothing.
    "GRANT UPDATE (state, closed_at, verdict) ON platform_request TO tonglu_app",
    "GRANT SELECT ON platform_request TO tonglu_platform",
    """
    GRANT UPDATE (state, accepted_at, closed_at, text, answer_id) ON platform_request
    TO tonglu_platform
    """,
]
