"""Statements of agents' months, what owners say of their lines, and who signed them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:002000"
VERSION = "1.38.0"
DESCRIPTION = "Statements that both sides sign."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make the tables; an agent reads its own, speaks of its lines and signs for itself."""
    statements = [*_STATEMENT, *_ACCOUNT, *_LINE, *_SIGNATURE, *_ANSWER, *_ORDER]
    return sql_migration(ID, "statements", DESCRIPTION, statements)


_STATEMENT = [
    "CREATE INDEX ledger_account_of_owner ON ledger_account (owner_id, currency, kind)",
    """
    CREATE TABLE statement (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        period date NOT NULL CHECK (extract(day FROM period) = 1),
        currency text COLLATE "C" NOT NULL,
        hash bytea NOT NULL CHECK (length(hash) = 32),
        lines integer NOT NULL CHECK (lines >= 0),
        answer_by date NOT NULL,
        drawn_by uuid NOT NULL,
        drawn_at timestamptz NOT NULL,
        UNIQUE (agent_id, period, currency)
    )
    """,
    "CREATE INDEX statement_by_period ON statement (period DESC, id DESC)",
    *append_only("statement"),
    *reachable("statement", select=_OWN),
    "GRANT SELECT ON statement TO tonglu_app",
    "GRANT SELECT, INSERT ON statement TO tonglu_platform",
]

_ACCOUNT = [
    """
    CREATE TABLE statement_account (
        statement_id uuid NOT NULL REFERENCES statement (id) DEFERRABLE INITIALLY DEFERRED,
        agent_id uuid NOT NULL,
        account_id uuid NOT NULL REFERENCES ledger_account (id),
        kind text NOT NULL,
        subject_id uuid NOT NULL,
        after_version bigint NOT NULL CHECK (after_version >= 0),
        last_version bigint NOT NULL CHECK (last_version >= after_version),
        opening_pending bigint NOT NULL,
        opening_posted bigint NOT NULL,
        closing_pending bigint NOT NULL,
        closing_posted bigint NOT NULL,
        lines_digest bytea NOT NULL CHECK (length(lines_digest) = 32),
        PRIMARY KEY (statement_id, account_id)
    )
    """,
    *append_only("statement_account"),
    *reachable("statement_account", select=_OWN),
    "GRANT SELECT ON statement_account TO tonglu_app",
    "GRANT SELECT, INSERT ON statement_account TO tonglu_platform",
]

_LINE = [
    """
    CREATE TABLE statement_line (
        statement_id uuid NOT NULL REFERENCES statement (id) DEFERRABLE INITIALLY DEFERRED,
        n integer NOT NULL CHECK (n > 0),
        agent_id uuid NOT NULL,
        account_id uuid NOT NULL,
        version bigint NOT NULL,
        transfer_id uuid NOT NULL,
        event text NOT NULL,
        on_day date NOT NULL,
        pending_minor bigint NOT NULL,
        posted_minor bigint NOT NULL,
        posted_after bigint NOT NULL,
        PRIMARY KEY (statement_id, n),
        -- A line of the books is in one statement.
        UNIQUE (account_id, version),
        FOREIGN KEY (account_id, version) REFERENCES ledger_entry (account_id, version)
    )
    """,
    *append_only("statement_line"),
    *reachable("statement_line", select=_OWN),
    "GRANT SELECT ON statement_line TO tonglu_app",
    "GRANT SELECT, INSERT ON statement_line TO tonglu_platform",
]

_SIGNATURE = [
    """
    CREATE TABLE statement_signature (
        statement_id uuid NOT NULL REFERENCES statement (id),
        agent_id uuid NOT NULL,
        side text COLLATE "C" NOT NULL CHECK (side IN ('agent', 'platform')),
        signed_by uuid NOT NULL,
        signed_at timestamptz NOT NULL,
        hash bytea NOT NULL,
        public_key text,
        signature text,
        PRIMARY KEY (statement_id, side),
        CHECK ((side = 'platform') = (public_key IS NOT NULL AND signature IS NOT NULL))
    )
    """,
    *append_only("statement_signature"),
    *reachable("statement_signature", select=_OWN, insert=f"{_OWN} AND side = 'agent'"),
    "GRANT SELECT, INSERT ON statement_signature TO tonglu_app",
    "GRANT SELECT, INSERT ON statement_signature TO tonglu_platform",
]

_ANSWER = [
    """
    CREATE TABLE statement_answer (
        statement_id uuid NOT NULL,
        n integer NOT NULL,
        agent_id uuid NOT NULL,
        said text NOT NULL CHECK (said IN ('confirmed', 'disputed')),
        reason text,
        evidence text,
        said_by uuid NOT NULL,
        said_at timestamptz NOT NULL,
        due_on date,
        outcome text CHECK (outcome IN ('corrected', 'kept')),
        note text,
        transfer_id uuid REFERENCES ledger_transfer (id),
        answered_by uuid,
        answered_at timestamptz,
        PRIMARY KEY (statement_id, n),
        FOREIGN KEY (statement_id, n) REFERENCES statement_line (statement_id, n),
        CHECK ((said = 'disputed') = (reason IS NOT NULL AND due_on IS NOT NULL)),
        CHECK (said = 'disputed' OR outcome IS NULL),
        CHECK ((outcome IS NULL) = (answered_at IS NULL)),
        CHECK ((outcome IS NULL) = (answered_by IS NULL)),
        CHECK ((outcome IS NULL) = (note IS NULL)),
        CHECK ((transfer_id IS NOT NULL) = (outcome IS NOT DISTINCT FROM 'corrected'))
    )
    """,
    """
    CREATE INDEX statement_answer_open ON statement_answer (due_on, statement_id, n)
    WHERE said = 'disputed' AND outcome IS NULL
    """,
    """
    CREATE TRIGGER statement_answer_stays BEFORE DELETE OR TRUNCATE ON statement_answer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("statement_answer", select=_OWN, insert=f"{_OWN} AND outcome IS NULL"),
    "GRANT SELECT, INSERT ON statement_answer TO tonglu_app",
    "GRANT SELECT ON statement_answer TO tonglu_platform",
    """
    GRANT UPDATE (outcome, note, transfer_id, answered_by, answered_at) ON statement_answer
    TO tonglu_platform
    """,
]

_ORDER = [
    # Whoever speaks of a statement, or signs it, does so one after the other.
    """
    CREATE FUNCTION statement_ensure_unsigned() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(NEW.statement_id::text, 0));
        -- Foreign keys look past row-level security, this does not.
        IF NOT EXISTS (
            SELECT FROM statement WHERE (id, agent_id) = (NEW.statement_id, NEW.agent_id)
        ) THEN
            RAISE EXCEPTION 'this is no statement of this agent'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (
            SELECT FROM statement_signature
            WHERE statement_id = NEW.statement_id AND side = 'agent'
        ) THEN
            RAISE EXCEPTION 'its owner has signed this statement'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER statement_answer_before_signing BEFORE INSERT ON statement_answer
    FOR EACH ROW EXECUTE FUNCTION statement_ensure_unsigned()
    """,
    """
    CREATE FUNCTION statement_answer_ensure_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(NEW.statement_id::text, 0));
        IF OLD.outcome IS NOT NULL OR NEW.outcome IS NULL THEN
            RAISE EXCEPTION 'what comes of a dispute is said once'
                USING ERRCODE = 'restrict_violation';
        END IF;
        -- What corrects a line is booked on its account, behind the statement.
        IF NEW.transfer_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM statement_line line
            JOIN statement_account account
            ON (account.statement_id, account.account_id) = (line.statement_id, line.account_id)
            JOIN ledger_entry entry ON entry.account_id = line.account_id
            AND entry.version > account.last_version AND entry.transfer_id = NEW.transfer_id
            WHERE (line.statement_id, line.n) = (NEW.statement_id, NEW.n)
        ) THEN
            RAISE EXCEPTION 'no later line of its account corrects this one'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER statement_answer_is_settled_once BEFORE UPDATE ON statement_answer
    FOR EACH ROW EXECUTE FUNCTION statement_answer_ensure_once()
    """,
    """
    CREATE FUNCTION statement_ensure_signable() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(NEW.statement_id::text, 0));
        IF NOT EXISTS (
            SELECT FROM statement WHERE id = NEW.statement_id
            AND (hash, agent_id) = (NEW.hash, NEW.agent_id)
        ) THEN
            RAISE EXCEPTION 'this is not the statement that was shown'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (
            SELECT FROM statement_answer WHERE statement_id = NEW.statement_id
            AND said = 'disputed' AND outcome IS NULL
        ) THEN
            RAISE EXCEPTION 'a line of this statement is disputed'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER statement_signature_is_of_it BEFORE INSERT ON statement_signature
    FOR EACH ROW EXECUTE FUNCTION statement_ensure_signable()
    """,
]
