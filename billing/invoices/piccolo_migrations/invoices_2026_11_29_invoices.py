"""Invoices that stay once they are final, numbered without gaps, and what became of each."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:002320"
VERSION = "1.38.0"
DESCRIPTION = "Invoices for plans, payments, credit notes, dunning."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make the tables; an agent reads what is its own and final, the platform writes."""
    statements = [*_KINDS, *_SERIES, *_INVOICE, *_LINE, *_PAID, *_CREDIT, *_FAPIAO, *_STEP]
    return sql_migration(ID, "invoices", DESCRIPTION, statements)


_KINDS = [
    # Under FORCE the owner adds no rows.
    "ALTER TABLE ledger_account_kind NO FORCE ROW LEVEL SECURITY",
    """
    INSERT INTO ledger_account_kind (kind, owner_is, subject_is, wants) VALUES
        ('plan_receivable', 'agent', NULL, '{agent}'),
        ('plan_revenue', NULL, NULL, '{}'),
        ('plan_sponsored', NULL, NULL, '{}')
    """,
    "ALTER TABLE ledger_account_kind FORCE ROW LEVEL SECURITY",
]

_SERIES = [
    """
    CREATE TABLE invoice_series (
        series text COLLATE "C" PRIMARY KEY,
        last_number bigint NOT NULL CHECK (last_number > 0)
    )
    """,
    *reachable("invoice_series"),
    "GRANT SELECT, INSERT ON invoice_series TO tonglu_platform",
    "GRANT UPDATE (last_number) ON invoice_series TO tonglu_platform",
]

_INVOICE = [
    """
    CREATE TABLE invoice (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        bearer text NOT NULL CHECK (bearer IN ('agent', 'platform')),
        currency text COLLATE "C" NOT NULL,
        month date NOT NULL,
        issued_on date NOT NULL,
        due_on date NOT NULL,
        net_minor bigint NOT NULL CHECK (net_minor > 0),
        tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
        total_minor bigint NOT NULL,
        left_minor bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('draft', 'final')),
        series text COLLATE "C",
        number bigint,
        finalised_by uuid,
        finalised_at timestamptz,
        CHECK (total_minor = net_minor + tax_minor),
        CHECK (left_minor BETWEEN -total_minor AND total_minor),
        CHECK ((state = 'final') = (number IS NOT NULL)),
        CHECK ((number IS NULL) = (series IS NULL)),
        CHECK ((number IS NULL) = (finalised_at IS NULL)),
        UNIQUE (agent_id, month, bearer, currency),
        UNIQUE (series, number)
    )
    """,
    "CREATE INDEX invoice_left ON invoice (agent_id, due_on, id) WHERE left_minor <> 0",
    """
    CREATE FUNCTION invoice_ensure_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state = 'final'
            AND to_jsonb(NEW) - 'left_minor' IS DISTINCT FROM to_jsonb(OLD) - 'left_minor'
        THEN
            RAISE EXCEPTION 'invoice % is final', OLD.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF OLD.state = 'draft' AND NEW.state = 'final' AND NOT EXISTS (
            SELECT FROM invoice_line line WHERE line.invoice_id = NEW.id
            HAVING (sum(line.net_minor), sum(line.tax_minor)) = (NEW.net_minor, NEW.tax_minor)
        ) THEN
            RAISE EXCEPTION 'the lines of invoice % do not come to its sums', OLD.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER invoice_stays BEFORE UPDATE ON invoice
    FOR EACH ROW EXECUTE FUNCTION invoice_ensure_stays()
    """,
    """
    CREATE TRIGGER invoice_is_kept BEFORE DELETE OR TRUNCATE ON invoice
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("invoice", select=f"{_OWN} AND state = 'final'"),
    "GRANT SELECT ON invoice TO tonglu_app",
    "GRANT SELECT, INSERT ON invoice TO tonglu_platform",
    """
    GRANT UPDATE (left_minor, state, series, number, finalised_by, finalised_at)
    ON invoice TO tonglu_platform
    """,
]

_LINE = [
    """
    CREATE TABLE invoice_line (
        invoice_id uuid NOT NULL REFERENCES invoice (id),
        place integer NOT NULL,
        version_id uuid NOT NULL,
        grant_id uuid,
        meter text,
        units bigint NOT NULL CHECK (units > 0),
        begins_on date NOT NULL,
        ends_before date NOT NULL CHECK (ends_before > begins_on),
        net_minor bigint NOT NULL CHECK (net_minor > 0),
        tax_ppm integer NOT NULL,
        tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
        PRIMARY KEY (invoice_id, place)
    )
    """,
    """
    CREATE FUNCTION invoice_line_ensure_draft() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added JOIN invoice ON invoice.id = added.invoice_id
            WHERE invoice.state = 'final'
        ) THEN
            RAISE EXCEPTION 'a final invoice takes no further lines'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER invoice_line_is_of_draft AFTER INSERT ON invoice_line
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION invoice_line_ensure_draft()
    """,
    *append_only("invoice_line"),
    *reachable(
        "invoice_line",
        select="EXISTS (SELECT FROM invoice WHERE invoice.id = invoice_line.invoice_id)",
    ),
    "GRANT SELECT ON invoice_line TO tonglu_app",
    "GRANT SELECT, INSERT ON invoice_line TO tonglu_platform",
]

_PAID = [
    """
    CREATE TABLE invoice_payment (
        id uuid PRIMARY KEY,
        invoice_id uuid NOT NULL REFERENCES invoice (id),
        agent_id uuid NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        paid_on date NOT NULL,
        recorded_by uuid NOT NULL,
        recorded_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX invoice_payment_of ON invoice_payment (invoice_id)",
    *append_only("invoice_payment"),
    *reachable("invoice_payment", select=_OWN),
    "GRANT SELECT ON invoice_payment TO tonglu_app",
    "GRANT SELECT, INSERT ON invoice_payment TO tonglu_platform",
]

_CREDIT = [
    """
    CREATE TABLE credit_note (
        id uuid PRIMARY KEY,
        invoice_id uuid NOT NULL REFERENCES invoice (id),
        agent_id uuid NOT NULL,
        number bigint NOT NULL UNIQUE,
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        tax_minor bigint NOT NULL CHECK (tax_minor BETWEEN 0 AND amount_minor),
        reason text NOT NULL CHECK (reason <> ''),
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX credit_note_of ON credit_note (invoice_id)",
    *append_only("credit_note"),
    *reachable("credit_note", select=_OWN),
    "GRANT SELECT ON credit_note TO tonglu_app",
    "GRANT SELECT, INSERT ON credit_note TO tonglu_platform",
]

_FAPIAO = [
    """
    CREATE TABLE invoice_fapiao (
        invoice_id uuid PRIMARY KEY REFERENCES invoice (id),
        agent_id uuid NOT NULL,
        number text COLLATE "C" NOT NULL UNIQUE CHECK (number ~ '^[0-9]{20}$'),
        recorded_by uuid NOT NULL,
        recorded_at timestamptz NOT NULL
    )
    """,
    *append_only("invoice_fapiao"),
    *reachable("invoice_fapiao", select=_OWN),
    "GRANT SELECT ON invoice_fapiao TO tonglu_app",
    "GRANT SELECT, INSERT ON invoice_fapiao TO tonglu_platform",
]

_STEP = [
    """
    CREATE TABLE dunning_step (
        agent_id uuid NOT NULL REFERENCES saas_subscription (agent_id),
        place integer NOT NULL CHECK (place > 0),
        on_day date NOT NULL,
        standing text NOT NULL,
        PRIMARY KEY (agent_id, place)
    )
    """,
    *append_only("dunning_step"),
    *reachable("dunning_step", select=_OWN),
    "GRANT SELECT ON dunning_step TO tonglu_app",
    "GRANT SELECT, INSERT ON dunning_step TO tonglu_platform",
]
