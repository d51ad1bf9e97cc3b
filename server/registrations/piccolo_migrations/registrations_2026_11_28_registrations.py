"""Deal registrations, the registry that all agents share, and its cases."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000121"
VERSION = "1.38.0"
DESCRIPTION = "Deal registrations and the registry."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(
        ID, "registrations", DESCRIPTION, [*_OWN, *_REGISTRY, *_ALARM, *_COURT, *_GRANTS]
    )


_OWN = [
    f"""
    CREATE TABLE registration (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        state text COLLATE "C" NOT NULL,
        state_since timestamptz NOT NULL,
        registered_by uuid NOT NULL,
        earliest_at timestamptz NOT NULL,
        latest_at timestamptz NOT NULL,
        clock_flag text COLLATE "C",
        decides_at timestamptz NOT NULL,
        protected_until timestamptz,
        extensions bigint NOT NULL,
        reason text COLLATE "C",
        contest_until timestamptz,
        case_id uuid,
        evidence_until timestamptz,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        CHECK (earliest_at <= latest_at)
    )
    """,
    *sync_indexes("registration"),
    "CREATE INDEX registration_customer ON registration (tenant_id, customer_id, id)",
    "CREATE INDEX registration_made ON registration (tenant_id, created_at)",
    *tenant_table("registration"),
    """
    CREATE TABLE registration_evidence (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        registration_id uuid NOT NULL,
        purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('extension', 'case')),
        kind text COLLATE "C" NOT NULL CHECK (kind IN ('visit', 'quote', 'contract')),
        record_id uuid NOT NULL,
        happened_at timestamptz NOT NULL,
        is_vouched boolean NOT NULL,
        shown_by uuid NOT NULL,
        shown_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, registration_id, purpose, record_id),
        FOREIGN KEY (tenant_id, registration_id) REFERENCES registration (tenant_id, id)
    )
    """,
    *tenant_table("registration_evidence", app="SELECT, INSERT"),
    """
    CREATE TABLE registration_check (
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        day date NOT NULL,
        asked integer NOT NULL,
        PRIMARY KEY (tenant_id, day, user_id)
    )
    """,
    *tenant_table("registration_check", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE registration_terms (
        version integer PRIMARY KEY,
        holds_from timestamptz NOT NULL,
        terms jsonb NOT NULL,
        set_by uuid NOT NULL,
        set_at timestamptz NOT NULL
    )
    """,
]
_REGISTRY = [
    "CREATE TABLE registry_clock (id integer PRIMARY KEY CHECK (id = 1))",
    "INSERT INTO registry_clock VALUES (1)",
    """
    CREATE TABLE registry_entry (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        state text COLLATE "C" NOT NULL,
        earliest_ms bigint NOT NULL,
        latest_ms bigint NOT NULL,
        clock_flag text COLLATE "C",
        has_territory boolean NOT NULL,
        lot text COLLATE "C" NOT NULL,
        arrived_at timestamptz NOT NULL,
        settles_at timestamptz NOT NULL,
        live_since timestamptz,
        protected_until timestamptz,
        warned_days integer,
        extensions integer NOT NULL DEFAULT 0,
        reason text COLLATE "C",
        contest_until timestamptz,
        case_id uuid,
        verdict_id uuid,
        CHECK (earliest_ms <= latest_ms)
    )
    """,
    """
    CREATE INDEX registry_entry_ends ON registry_entry (protected_until)
    WHERE state IN ('granted', 'extended', 'converted')
    """,
    "CREATE INDEX registry_entry_of_agent ON registry_entry (tenant_id, state)",
    "CREATE INDEX registry_entry_case ON registry_entry (case_id) WHERE case_id IS NOT NULL",
    """
    CREATE TABLE registry_key (
        key text COLLATE "C" NOT NULL,
        entry_id uuid NOT NULL REFERENCES registry_entry (id),
        PRIMARY KEY (key, entry_id)
    )
    """,
    "CREATE INDEX registry_key_entry ON registry_key (entry_id)",
    """
    CREATE TABLE registry_honeytoken (
        key text COLLATE "C" PRIMARY KEY,
        set_at timestamptz NOT NULL
    )
    """,
]
_ALARM = [
    """
    CREATE TABLE registry_alarm (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        raised_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX registry_alarm_order ON registry_alarm (raised_at, id)",
]
_COURT = [
    """
    CREATE TABLE registry_case (
        id uuid PRIMARY KEY,
        state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'decided', 'appealed', 'closed')),
        opened_at timestamptz NOT NULL,
        evidence_until timestamptz NOT NULL,
        decide_by timestamptz NOT NULL,
        decided_at timestamptz,
        decided_by uuid,
        reason text,
        winner_id uuid,
        appeal_until timestamptz,
        appeals integer NOT NULL DEFAULT 0,
        appeal_reason text,
        verdict_id uuid
    )
    """,
    "CREATE INDEX registry_case_due ON registry_case (state, decide_by, id)",
    """
    CREATE TABLE registry_party (
        case_id uuid NOT NULL REFERENCES registry_case (id),
        entry_id uuid NOT NULL REFERENCES registry_entry (id),
        has_word boolean NOT NULL DEFAULT false,
        PRIMARY KEY (case_id, entry_id)
    )
    """,
    """
    CREATE TABLE registry_evidence (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        kind text COLLATE "C" NOT NULL,
        happened_at timestamptz NOT NULL,
        is_vouched boolean NOT NULL,
        shown_at timestamptz NOT NULL,
        FOREIGN KEY (case_id, entry_id) REFERENCES registry_party (case_id, entry_id)
    )
    """,
    "CREATE INDEX registry_evidence_case ON registry_evidence (case_id, happened_at, id)",
    """
    CREATE TABLE registry_verdict (
        id uuid PRIMARY KEY,
        case_id uuid,
        decided_at timestamptz NOT NULL,
        rules_version integer NOT NULL,
        claims jsonb NOT NULL,
        rulings jsonb NOT NULL,
        hash text COLLATE "C" NOT NULL
    )
    """,
    "CREATE INDEX registry_verdict_order ON registry_verdict (decided_at, id)",
    """
    CREATE TABLE registry_rules (
        version integer PRIMARY KEY,
        steps jsonb NOT NULL,
        tolerance_ms bigint NOT NULL,
        hash text COLLATE "C" NOT NULL,
        proposed_by uuid NOT NULL,
        proposed_at timestamptz NOT NULL,
        switched_on_at timestamptz
    )
    """,
]
_GRANTS = [
    "GRANT SELECT ON registration_terms TO tonglu_app, tonglu_job",
    "GRANT SELECT, INSERT ON registration_terms TO tonglu_platform",
    "GRANT SELECT, UPDATE ON registry_clock TO tonglu_job, tonglu_platform",
    "GRANT SELECT, INSERT, UPDATE ON registry_entry, registry_case, registry_party TO tonglu_job",
    "GRANT SELECT, INSERT ON registry_key, registry_evidence, registry_verdict TO tonglu_job",
    "GRANT SELECT ON registry_honeytoken, registry_rules TO tonglu_job",
    "GRANT SELECT ON registry_entry, registry_evidence TO tonglu_platform",
    "GRANT SELECT, UPDATE ON registry_case, registry_party TO tonglu_platform",
    "GRANT SELECT, INSERT ON registry_verdict TO tonglu_platform",
    "GRANT SELECT, INSERT, UPDATE ON registry_rules TO tonglu_platform",
    "GRANT SELECT, INSERT ON registry_honeytoken TO tonglu_platform",
    # Told again, an alarm is one: what conflicts is looked at.
    "GRANT SELECT, INSERT ON registry_alarm TO tonglu_job",
    "GRANT SELECT ON registry_alarm TO tonglu_platform",
]
