"""The chart, posting rules, vouchers with their lines, numbers and transfers, and exports."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:002100"
VERSION = "1.38.0"
DESCRIPTION = "Accounting vouchers and the chart of accounts that they are written in."

_CODE = "~ '^[1-6][0-9]{3}([0-9]{2}){0,4}$'"


async def forwards() -> MigrationManager:
    """Make the tables, which are the platform's alone."""
    statements = [*_CHART, *_RULE, *_TEMPLATE, *_RUN, *_VOUCHER, *_TRANSFER, *_NUMBER, *_EXPORT]
    return sql_migration(ID, "accounting_vouchers", DESCRIPTION, statements)


_CHART = [
    f"""
    CREATE TABLE chart_account (
        code text COLLATE "C" PRIMARY KEY CHECK (code {_CODE}),
        parent text COLLATE "C" GENERATED ALWAYS AS (
            CASE WHEN length(code) > 4 THEN left(code, -2) END
        ) STORED REFERENCES chart_account (code),
        name text NOT NULL,
        category text NOT NULL
            CHECK (category IN ('asset', 'liability', 'equity', 'cost', 'profit')),
        side text NOT NULL CHECK (side IN ('debit', 'credit')),
        wants text[] NOT NULL,
        added_by uuid NOT NULL,
        added_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX chart_account_below ON chart_account (parent)",
    *append_only("chart_account"),
    *reachable("chart_account"),
    "GRANT SELECT, INSERT ON chart_account TO tonglu_platform",
    # What is posted to has nothing below it, whichever of the two comes first.
    """
    CREATE FUNCTION chart_account_ensure_leaf() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM posted JOIN chart_account below ON below.parent = posted.account_code
        ) THEN
            RAISE EXCEPTION 'only accounts with none below them are posted to'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION chart_account_ensure_above_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM posting_rule WHERE account_code = NEW.parent)
        OR EXISTS (SELECT FROM accounting_voucher_line WHERE account_code = NEW.parent) THEN
            RAISE EXCEPTION 'account % is posted to, so nothing stands below it', NEW.parent
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER chart_account_fits BEFORE INSERT ON chart_account
    FOR EACH ROW EXECUTE FUNCTION chart_account_ensure_above_is_free()
    """,
]

_RULE = [
    """
    CREATE TABLE posting_rule (
        id uuid PRIMARY KEY,
        kind text COLLATE "C" NOT NULL REFERENCES ledger_account_kind (kind),
        event text COLLATE "C",
        dims jsonb NOT NULL,
        begins_on date NOT NULL,
        account_code text COLLATE "C" NOT NULL REFERENCES chart_account (code),
        published_by uuid NOT NULL,
        published_at timestamptz NOT NULL,
        UNIQUE NULLS NOT DISTINCT (kind, event, dims, begins_on)
    )
    """,
    "CREATE INDEX posting_rule_of_account ON posting_rule (account_code)",
    """
    CREATE TRIGGER posting_rule_posts_to_leaf AFTER INSERT ON posting_rule
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION chart_account_ensure_leaf()
    """,
    *append_only("posting_rule"),
    *reachable("posting_rule"),
    "GRANT SELECT, INSERT ON posting_rule TO tonglu_platform",
]

_TEMPLATE = [
    """
    CREATE TABLE accounting_voucher_template (
        id uuid PRIMARY KEY,
        event text COLLATE "C" NOT NULL,
        begins_on date NOT NULL,
        summary text NOT NULL,
        word text NOT NULL,
        detail text NOT NULL CHECK (detail IN ('each', 'day', 'program', 'agent', 'period')),
        published_by uuid NOT NULL,
        published_at timestamptz NOT NULL,
        UNIQUE (event, begins_on)
    )
    """,
    *append_only("accounting_voucher_template"),
    *reachable("accounting_voucher_template"),
    "GRANT SELECT, INSERT ON accounting_voucher_template TO tonglu_platform",
]

_RUN = [
    """
    CREATE TABLE accounting_voucher_run (
        id uuid PRIMARY KEY,
        period_id uuid NOT NULL REFERENCES ledger_period (id),
        hash bytea NOT NULL CHECK (length(hash) = 32),
        made_by uuid NOT NULL,
        maker_name text NOT NULL,
        made_at timestamptz NOT NULL,
        checked_by uuid CHECK (checked_by <> made_by),
        checker_name text,
        checked_at timestamptz,
        refused_by uuid,
        refused_at timestamptz,
        reason text,
        CHECK ((checked_by IS NULL) = (checked_at IS NULL)),
        CHECK ((checked_by IS NULL) = (checker_name IS NULL)),
        CHECK ((refused_by IS NULL) = (refused_at IS NULL)),
        CHECK (checked_by IS NULL OR refused_by IS NULL)
    )
    """,
    "CREATE INDEX accounting_voucher_run_of_period ON accounting_voucher_run (period_id)",
    # Somebody says once what becomes of it.
    """
    CREATE FUNCTION accounting_voucher_run_ensure_open() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.checked_by IS NOT NULL OR OLD.refused_by IS NOT NULL THEN
            RAISE EXCEPTION 'these vouchers are checked or refused already'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER accounting_voucher_run_is_decided_once BEFORE UPDATE ON accounting_voucher_run
    FOR EACH ROW EXECUTE FUNCTION accounting_voucher_run_ensure_open()
    """,
    """
    CREATE TRIGGER accounting_voucher_run_stays BEFORE DELETE OR TRUNCATE ON accounting_voucher_run
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("accounting_voucher_run"),
    "GRANT SELECT, INSERT ON accounting_voucher_run TO tonglu_platform",
    """
    GRANT UPDATE (checked_by, checker_name, checked_at, refused_by, refused_at, reason)
    ON accounting_voucher_run TO tonglu_platform
    """,
]

_VOUCHER = [
    """
    CREATE TABLE accounting_voucher (
        id uuid PRIMARY KEY,
        run_id uuid NOT NULL REFERENCES accounting_voucher_run (id),
        position integer NOT NULL,
        period_id uuid NOT NULL REFERENCES ledger_period (id),
        word text NOT NULL CHECK (word IN ('记', '收', '付', '转')),
        on_day date NOT NULL,
        currency text COLLATE "C" NOT NULL,
        reversal_of uuid REFERENCES accounting_voucher (id),
        UNIQUE (run_id, position)
    )
    """,
    "CREATE INDEX accounting_voucher_of_period ON accounting_voucher (period_id)",
    """
    CREATE INDEX accounting_voucher_red ON accounting_voucher (reversal_of)
    WHERE reversal_of IS NOT NULL
    """,
    *append_only("accounting_voucher"),
    *reachable("accounting_voucher"),
    "GRANT SELECT, INSERT ON accounting_voucher TO tonglu_platform",
    """
    CREATE TABLE accounting_voucher_line (
        voucher_id uuid NOT NULL REFERENCES accounting_voucher (id),
        n integer NOT NULL CHECK (n >= 1),
        summary text NOT NULL CHECK (length(summary) <= 60),
        account_code text COLLATE "C" NOT NULL REFERENCES chart_account (code),
        debit_minor bigint NOT NULL,
        credit_minor bigint NOT NULL,
        dims jsonb NOT NULL,
        PRIMARY KEY (voucher_id, n),
        CHECK ((debit_minor = 0) <> (credit_minor = 0))
    )
    """,
    "CREATE INDEX accounting_voucher_line_on ON accounting_voucher_line (account_code)",
    """
    CREATE FUNCTION accounting_voucher_ensure_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM posted GROUP BY voucher_id HAVING sum(debit_minor) <> sum(credit_minor)
        ) THEN
            RAISE EXCEPTION 'the debits of a voucher are its credits'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER accounting_voucher_line_balances AFTER INSERT ON accounting_voucher_line
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION accounting_voucher_ensure_balanced()
    """,
    """
    CREATE TRIGGER accounting_voucher_line_on_leaf AFTER INSERT ON accounting_voucher_line
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION chart_account_ensure_leaf()
    """,
    *append_only("accounting_voucher_line"),
    *reachable("accounting_voucher_line"),
    "GRANT SELECT, INSERT ON accounting_voucher_line TO tonglu_platform",
]

_TRANSFER = [
    """
    CREATE TABLE accounting_voucher_transfer (
        voucher_id uuid NOT NULL,
        transfer_id uuid NOT NULL REFERENCES ledger_transfer (id),
        debit_line integer NOT NULL,
        credit_line integer NOT NULL,
        is_live boolean NOT NULL,
        PRIMARY KEY (voucher_id, transfer_id),
        FOREIGN KEY (voucher_id, debit_line) REFERENCES accounting_voucher_line (voucher_id, n),
        FOREIGN KEY (voucher_id, credit_line) REFERENCES accounting_voucher_line (voucher_id, n)
    )
    """,
    # A transfer is in one voucher that stands, whatever the race.
    """
    CREATE UNIQUE INDEX accounting_voucher_transfer_once
    ON accounting_voucher_transfer (transfer_id) WHERE is_live
    """,
    """
    CREATE FUNCTION accounting_voucher_ensure_gone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.is_live OR NOT EXISTS (
            SELECT FROM accounting_voucher voucher
            JOIN accounting_voucher_run run ON run.id = voucher.run_id
            WHERE voucher.id = NEW.voucher_id AND run.refused_by IS NOT NULL
        ) AND NOT EXISTS (
            SELECT FROM accounting_voucher red
            JOIN accounting_voucher_run run ON run.id = red.run_id
            WHERE red.reversal_of = NEW.voucher_id AND run.checked_by IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'a voucher that stands keeps its transfers'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER accounting_voucher_transfer_stays BEFORE UPDATE ON accounting_voucher_transfer
    FOR EACH ROW EXECUTE FUNCTION accounting_voucher_ensure_gone()
    """,
    *reachable("accounting_voucher_transfer"),
    "GRANT SELECT, INSERT ON accounting_voucher_transfer TO tonglu_platform",
    "GRANT UPDATE (is_live) ON accounting_voucher_transfer TO tonglu_platform",
]

_NUMBER = [
    """
    CREATE TABLE accounting_voucher_counter (
        period_id uuid NOT NULL REFERENCES ledger_period (id),
        word text NOT NULL,
        last integer NOT NULL CHECK (last >= 1),
        PRIMARY KEY (period_id, word)
    )
    """,
    *reachable("accounting_voucher_counter"),
    "GRANT SELECT, INSERT ON accounting_voucher_counter TO tonglu_platform",
    "GRANT UPDATE (last) ON accounting_voucher_counter TO tonglu_platform",
    """
    CREATE TABLE accounting_voucher_number (
        voucher_id uuid NOT NULL UNIQUE REFERENCES accounting_voucher (id),
        period_id uuid NOT NULL,
        word text NOT NULL,
        no integer NOT NULL CHECK (no >= 1),
        PRIMARY KEY (period_id, word, no)
    )
    """,
    # The numbers of a period and word are those from one to the counter, and each voucher that has
    # one was checked (I12).
    """
    CREATE FUNCTION accounting_voucher_ensure_gapless() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (SELECT DISTINCT period_id, word FROM numbered) given
            LEFT JOIN accounting_voucher_counter counter USING (period_id, word)
            WHERE counter.last IS DISTINCT FROM (
                SELECT count(*) FROM accounting_voucher_number held
                WHERE (held.period_id, held.word) = (given.period_id, given.word)
            ) OR counter.last IS DISTINCT FROM (
                SELECT max(held.no) FROM accounting_voucher_number held
                WHERE (held.period_id, held.word) = (given.period_id, given.word)
            )
        ) OR EXISTS (
            SELECT FROM numbered JOIN accounting_voucher voucher ON voucher.id = numbered.voucher_id
            JOIN accounting_voucher_run run ON run.id = voucher.run_id
            WHERE run.checked_by IS NULL
            OR (voucher.period_id, voucher.word) <> (numbered.period_id, numbered.word)
        ) THEN
            RAISE EXCEPTION 'vouchers are numbered when they are checked, without gaps'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER accounting_voucher_number_is_next AFTER INSERT ON accounting_voucher_number
    REFERENCING NEW TABLE AS numbered
    FOR EACH STATEMENT EXECUTE FUNCTION accounting_voucher_ensure_gapless()
    """,
    *append_only("accounting_voucher_number"),
    *reachable("accounting_voucher_number"),
    "GRANT SELECT, INSERT ON accounting_voucher_number TO tonglu_platform",
]

_EXPORT = [
    """
    CREATE TABLE accounting_export (
        id uuid PRIMARY KEY,
        period_id uuid NOT NULL REFERENCES ledger_period (id),
        format text NOT NULL,
        currency text COLLATE "C" NOT NULL,
        ranges jsonb NOT NULL,
        account_book text NOT NULL,
        sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        size bigint NOT NULL CHECK (size >= 0),
        replaced jsonb NOT NULL,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX accounting_export_of_period ON accounting_export (period_id)",
    *append_only("accounting_export"),
    *reachable("accounting_export"),
    "GRANT SELECT, INSERT ON accounting_export TO tonglu_platform",
]
