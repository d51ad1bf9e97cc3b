"""What is known of each benefit without a name, and reviews of those that look like fraud."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable
from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:002210"
VERSION = "1.38.0"
DESCRIPTION = "Traces of benefits, guards of programs, and reviews."


async def forwards() -> MigrationManager:
    """Make the three tables."""
    return sql_migration(ID, "benefits", DESCRIPTION, [*_TRACE, *_GUARD, *_REVIEW])


_OWN = f"agent_id = {AGENT}"
_TRACE = [
    """
    CREATE TABLE benefit_trace (
        issuance_id uuid PRIMARY KEY REFERENCES issuance (id),
        agent_id uuid NOT NULL,
        program_id uuid NOT NULL REFERENCES benefit_program (id),
        person_id uuid NOT NULL,
        approved_by uuid,
        customer_token text COLLATE "C" NOT NULL,
        phone_tokens text[] NOT NULL,
        device_token text COLLATE "C",
        is_staff boolean NOT NULL,
        issued_at timestamptz NOT NULL,
        screened_at timestamptz
    )
    """,
    "CREATE INDEX benefit_trace_of ON benefit_trace (program_id, issued_at)",
    "CREATE INDEX benefit_trace_new ON benefit_trace (program_id) WHERE screened_at IS NULL",
    # What an agent leaves it does not read: how others look is seen through it.
    *reachable("benefit_trace", insert=f"{_OWN} AND screened_at IS NULL"),
    "GRANT INSERT ON benefit_trace TO tonglu_app",
    "GRANT SELECT ON benefit_trace TO tonglu_platform",
    "GRANT UPDATE (screened_at) ON benefit_trace TO tonglu_platform",
]

_GUARD = [
    """
    CREATE TABLE benefit_guard (
        program_id uuid NOT NULL REFERENCES benefit_program (id),
        version integer NOT NULL CHECK (version >= 1),
        guards jsonb NOT NULL,
        set_by uuid NOT NULL,
        set_at timestamptz NOT NULL,
        PRIMARY KEY (program_id, version)
    )
    """,
    *append_only("benefit_guard"),
    "GRANT SELECT, INSERT ON benefit_guard TO tonglu_platform",
]

_REVIEW = [
    # Who had a hand in a benefit decides nothing about it; who decided once does not twice.
    """
    CREATE TABLE benefit_review (
        issuance_id uuid PRIMARY KEY REFERENCES issuance (id),
        agent_id uuid NOT NULL,
        program_id uuid NOT NULL REFERENCES benefit_program (id),
        customer_token text COLLATE "C" NOT NULL,
        person_id uuid NOT NULL,
        approved_by uuid,
        signals jsonb NOT NULL,
        state text COLLATE "C" NOT NULL CHECK (
            state IN ('waiting', 'released', 'rejected', 'appealed', 'upheld', 'granted')
        ),
        opened_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        owner_id uuid,
        decided_by uuid CHECK (decided_by <> person_id AND decided_by <> approved_by),
        decided_at timestamptz,
        reason text,
        appeal text,
        appealed_by uuid,
        appealed_at timestamptz,
        settled_by uuid CHECK (settled_by NOT IN (decided_by, person_id)),
        settled_at timestamptz,
        settled_reason text,
        CHECK (num_nulls(decided_by, decided_at, reason) IN (0, 3)),
        CHECK ((state = 'waiting') = (decided_by IS NULL)),
        CHECK (num_nulls(appeal, appealed_by, appealed_at) IN (0, 3)),
        CHECK ((state IN ('appealed', 'upheld', 'granted')) = (appeal IS NOT NULL)),
        CHECK (num_nulls(settled_by, settled_at, settled_reason) IN (0, 3)),
        CHECK ((state IN ('upheld', 'granted')) = (settled_by IS NOT NULL))
    )
    """,
    "CREATE INDEX benefit_review_open ON benefit_review (state, due_at, issuance_id)",
    "CREATE INDEX benefit_review_of_program ON benefit_review (program_id, state)",
    "CREATE INDEX benefit_review_of_agent ON benefit_review (agent_id, issuance_id)",
    *reachable("benefit_review", select=_OWN, update=_OWN),
    "GRANT SELECT ON benefit_review TO tonglu_app",
    "GRANT UPDATE (state, appeal, appealed_by, appealed_at) ON benefit_review TO tonglu_app",
    """
    CREATE POLICY benefit_review_agent_only_appeals ON benefit_review AS RESTRICTIVE
    FOR UPDATE TO tonglu_app USING (state = 'rejected') WITH CHECK (state = 'appealed')
    """,
    "GRANT SELECT, INSERT ON benefit_review TO tonglu_platform",
    """
    GRANT UPDATE (
        state, owner_id, decided_by, decided_at, reason, settled_by, settled_at, settled_reason
    ) ON benefit_review TO tonglu_platform
    """,
]
