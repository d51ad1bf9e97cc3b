"""Files of the other side, lines of both, what was matched and what was not."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:000600"
VERSION = "1.38.0"
DESCRIPTION = "Reconciliation of benefits with the agents' own books."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make the tables; an agent reads what is about it, the platform alone writes."""
    statements = [*_SOURCE, *_FILE, *_LINE, *_MATCH, *_EXCEPTION]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)


_SOURCE = [
    """
    CREATE TABLE recon_source (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        name text NOT NULL,
        column_map jsonb NOT NULL,
        added_by uuid NOT NULL,
        added_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX recon_source_of_agent ON recon_source (agent_id, id)",
    *append_only("recon_source"),
    *reachable("recon_source"),
    "GRANT SELECT, INSERT ON recon_source TO tonglu_platform",
]

_FILE = [
    """
    CREATE TABLE recon_file (
        id uuid PRIMARY KEY,
        source_id uuid NOT NULL REFERENCES recon_source (id),
        agent_id uuid NOT NULL,
        period date NOT NULL CHECK (extract(day FROM period) = 1),
        file_name text NOT NULL,
        sha256 bytea NOT NULL CHECK (length(sha256) = 32),
        header text[] NOT NULL,
        last_row bigint NOT NULL CHECK (last_row > 0),
        read_until bigint NOT NULL DEFAULT 0 CHECK (read_until <= last_row),
        state text NOT NULL CHECK (state IN ('loading', 'compared', 'withdrawn')),
        added_by uuid NOT NULL,
        added_at timestamptz NOT NULL,
        compared_at timestamptz,
        CHECK ((state = 'compared') = (compared_at IS NOT NULL)),
        CHECK (state <> 'compared' OR read_until = last_row)
    )
    """,
    # The same bytes are compared once, whoever sends them twice and at the same time.
    """
    CREATE UNIQUE INDEX recon_file_once ON recon_file (agent_id, sha256)
    WHERE state <> 'withdrawn'
    """,
    "CREATE INDEX recon_file_of_period ON recon_file (period, agent_id)",
    """
    CREATE FUNCTION recon_file_ensure_forward() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state <> 'loading' OR NEW.read_until < OLD.read_until THEN
            RAISE EXCEPTION 'a file that was compared or withdrawn stays as it is'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER recon_file_goes_forward BEFORE UPDATE ON recon_file
    FOR EACH ROW EXECUTE FUNCTION recon_file_ensure_forward()
    """,
    """
    CREATE TRIGGER recon_file_stays BEFORE DELETE OR TRUNCATE ON recon_file
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("recon_file", select=_OWN),
    "GRANT SELECT ON recon_file TO tonglu_app",
    "GRANT SELECT, INSERT ON recon_file TO tonglu_platform",
    "GRANT UPDATE (read_until, state, compared_at) ON recon_file TO tonglu_platform",
]

_LINE = [
    """
    CREATE TABLE recon_line (
        file_id uuid NOT NULL REFERENCES recon_file (id),
        agent_id uuid NOT NULL,
        side text COLLATE "C" NOT NULL CHECK (side IN ('here', 'there')),
        number bigint NOT NULL CHECK (number > 0),
        reference text COLLATE "C" NOT NULL,
        customer text COLLATE "C" NOT NULL,
        name text NOT NULL,
        program text COLLATE "C" NOT NULL,
        currency text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
        on_day date NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'expired', 'reversed')),
        PRIMARY KEY (file_id, side, number)
    )
    """,
    *append_only("recon_line"),
    *reachable("recon_line", select=_OWN),
    "GRANT SELECT ON recon_line TO tonglu_app",
    "GRANT SELECT, INSERT ON recon_line TO tonglu_platform",
]

_MATCH = [
    """
    CREATE TABLE recon_match (
        file_id uuid NOT NULL REFERENCES recon_file (id),
        agent_id uuid NOT NULL,
        number bigint NOT NULL,
        step text NOT NULL CHECK (step IN ('id', 'content', 'sum', 'name')),
        score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
        here bigint[] NOT NULL,
        there bigint[] NOT NULL,
        PRIMARY KEY (file_id, number)
    )
    """,
    *append_only("recon_match"),
    *reachable("recon_match", select=_OWN),
    "GRANT SELECT ON recon_match TO tonglu_app",
    "GRANT SELECT, INSERT ON recon_match TO tonglu_platform",
]

_EXCEPTION = [
    """
    CREATE TABLE recon_exception (
        id uuid PRIMARY KEY,
        file_id uuid NOT NULL REFERENCES recon_file (id),
        agent_id uuid NOT NULL,
        kind text NOT NULL,
        cause text NOT NULL,
        also text[] NOT NULL,
        here bigint[] NOT NULL,
        there bigint[] NOT NULL,
        here_says text NOT NULL,
        there_says text NOT NULL,
        here_minor bigint NOT NULL,
        there_minor bigint NOT NULL,
        owner text NOT NULL CHECK (owner IN ('here', 'there')),
        opened_at timestamptz NOT NULL,
        due_on date NOT NULL,
        outcome text CHECK (outcome IN ('corrected_here', 'corrected_there', 'accepted')),
        note text,
        group_id uuid,
        resolved_by uuid,
        resolved_at timestamptz,
        CHECK ((outcome IS NULL) = (resolved_at IS NULL)),
        CHECK ((outcome IS NULL) = (resolved_by IS NULL)),
        CHECK ((outcome IS NULL) = (note IS NULL))
    )
    """,
    "CREATE INDEX recon_exception_of_file ON recon_exception (file_id, kind, id)",
    "CREATE INDEX recon_exception_due ON recon_exception (due_on, id) WHERE outcome IS NULL",
    # What came of it is said once; a transfer that puts it right must be in the books.
    """
    CREATE FUNCTION recon_exception_ensure_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.outcome IS NOT NULL OR NEW.outcome IS NULL THEN
            RAISE EXCEPTION 'what came of an exception is said once'
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.group_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM ledger_transfer WHERE group_id = NEW.group_id
        ) THEN
            RAISE EXCEPTION 'the books have no such transfers'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER recon_exception_is_resolved_once BEFORE UPDATE ON recon_exception
    FOR EACH ROW EXECUTE FUNCTION recon_exception_ensure_once()
    """,
    """
    CREATE TRIGGER recon_exception_stays BEFORE DELETE OR TRUNCATE ON recon_exception
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("recon_exception", select=_OWN),
    "GRANT SELECT ON recon_exception TO tonglu_app",
    "GRANT SELECT, INSERT ON recon_exception TO tonglu_platform",
    """
    GRANT UPDATE (outcome, note, group_id, resolved_by, resolved_at) ON recon_exception
    TO tonglu_platform
    """,
]
