"""Periods, their closes and trial balances, and what keeps a closed period as it is.

Whoever writes to the books shares a lock that a close takes alone. So a close waits for what is
being written, and what is written later sees the close and is booked behind it.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:000520"
VERSION = "1.38.0"
DESCRIPTION = "Periods and their closes."

WRITING = 0x746F_6E67_626B
"""The lock of the ledger's migration of the same day."""


async def forwards() -> MigrationManager:
    """Make periods, and have the ledger heed them."""
    statements = [*_PERIOD, *_CHANGE, *_TRIAL, *_CLOSED, *_CLOSING]
    return sql_migration(ID, "periods", DESCRIPTION, statements)


_PERIOD = [
    """
    CREATE FUNCTION ledger_refuse_outside_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION '% moves by changes of periods only', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TABLE ledger_period (
        id uuid PRIMARY KEY,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        state text NOT NULL DEFAULT 'open'
            CHECK (state IN ('open', 'soft_closed', 'hard_closed')),
        changes integer NOT NULL DEFAULT 0,
        CHECK (starts_at < ends_at),
        EXCLUDE USING gist (tstzrange(starts_at, ends_at) WITH &&)
    )
    """,
    """
    CREATE FUNCTION ledger_ensure_next() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.starts_at <> (SELECT max(ends_at) FROM ledger_period) THEN
            RAISE EXCEPTION 'a period begins where the last one ends'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_period_is_next BEFORE INSERT ON ledger_period
    FOR EACH ROW EXECUTE FUNCTION ledger_ensure_next()
    """,
    """
    CREATE TRIGGER ledger_period_moves_by_change BEFORE UPDATE ON ledger_period
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_outside_change()
    """,
    """
    CREATE TRIGGER ledger_period_stays BEFORE DELETE OR TRUNCATE ON ledger_period
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("ledger_period", select="true"),
    "GRANT SELECT ON ledger_period TO tonglu_app, tonglu_platform",
    "GRANT INSERT (id, starts_at, ends_at) ON ledger_period TO tonglu_platform",
    "GRANT UPDATE (state, changes) ON ledger_period TO tonglu_platform",
]

_CHANGE = [
    """
    CREATE TABLE ledger_period_change (
        period_id uuid NOT NULL REFERENCES ledger_period (id),
        n integer NOT NULL,
        state text NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor_id uuid NOT NULL,
        reason text NOT NULL,
        trial_hash bytea,
        PRIMARY KEY (period_id, n),
        CHECK ((state = 'open') = (trial_hash IS NULL))
    )
    """,
    *append_only("ledger_period_change"),
    *reachable("ledger_period_change"),
    "GRANT SELECT ON ledger_period_change TO tonglu_platform",
    """
    GRANT INSERT (period_id, state, recorded_at, actor_id, reason) ON ledger_period_change
    TO tonglu_platform
    """,
]

_TRIAL = [
    # No foreign keys: only the trigger on changes writes here, from what passed theirs.
    """
    CREATE TABLE ledger_trial (
        period_id uuid NOT NULL,
        n integer NOT NULL,
        account_id uuid NOT NULL,
        currency text COLLATE "C" NOT NULL,
        opening_minor bigint NOT NULL,
        debits_minor bigint NOT NULL,
        credits_minor bigint NOT NULL,
        closing_minor bigint NOT NULL,
        pending_minor bigint NOT NULL,
        PRIMARY KEY (period_id, n, account_id),
        CHECK (closing_minor = opening_minor - debits_minor + credits_minor)
    )
    """,
    *append_only("ledger_trial"),
    """
    CREATE TRIGGER ledger_trial_comes_by_close BEFORE INSERT ON ledger_trial
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_outside_change()
    """,
    *reachable("ledger_trial"),
    "GRANT SELECT, INSERT ON ledger_trial TO tonglu_platform",
]

_CLOSED = [
    # Periods are closed in their order, so that what is closed is all before one moment.
    """
    CREATE OR REPLACE FUNCTION ledger_closed(
        OUT soft_until timestamptz, OUT hard_until timestamptz
    ) STABLE LANGUAGE sql AS $$
        SELECT coalesce(max(ends_at) FILTER (WHERE state <> 'open'), '-infinity'),
            coalesce(max(ends_at) FILTER (WHERE state = 'hard_closed'), '-infinity')
        FROM ledger_period
    $$
    """,
]

_CLOSING = [
    # What a period did to each account, after what the period before it left.
    """
    CREATE FUNCTION ledger_trial_lines(p_period uuid) RETURNS TABLE (
        account_id uuid, currency text, opening_minor bigint, debits_minor bigint,
        credits_minor bigint, closing_minor bigint, pending_minor bigint
    ) STABLE LANGUAGE sql AS $$
        WITH period AS (
            SELECT period.*, before.id AS before_id, before.changes AS before_n
            FROM ledger_period period
            LEFT JOIN ledger_period before ON before.ends_at = period.starts_at
            WHERE period.id = p_period
        ), opening AS (
            SELECT trial.account_id, trial.currency, trial.closing_minor AS posted,
                trial.pending_minor AS pending
            FROM period JOIN ledger_trial trial
            ON (trial.period_id, trial.n) = (period.before_id, period.before_n)
            UNION ALL
            SELECT entry.account_id, entry.currency, sum(entry.posted_minor),
                sum(entry.pending_minor)
            FROM period JOIN ledger_entry entry ON entry.booked_at < period.starts_at
            WHERE period.before_id IS NULL GROUP BY entry.account_id, entry.currency
        ), line AS (
            SELECT account_id, currency, posted AS opening, 0 AS debits, 0 AS credits, pending
            FROM opening
            UNION ALL
            SELECT entry.account_id, entry.currency, 0,
                CASE WHEN transfer.debit_id = entry.account_id
                     THEN -entry.posted_minor ELSE 0 END,
                CASE WHEN transfer.debit_id = entry.account_id
                     THEN 0 ELSE entry.posted_minor END,
                entry.pending_minor
            FROM period JOIN ledger_entry entry
            ON entry.booked_at >= period.starts_at AND entry.booked_at < period.ends_at
            JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
        )
        SELECT account_id, currency, sum(opening)::bigint, sum(debits)::bigint,
            sum(credits)::bigint, (sum(opening) - sum(debits) + sum(credits))::bigint,
            sum(pending)::bigint
        FROM line GROUP BY account_id, currency
    $$
    """,
    """
    CREATE FUNCTION ledger_trial_hash(p_period uuid, p_n integer) RETURNS bytea
    STABLE LANGUAGE sql AS $$
        SELECT sha256(convert_to(
            'tonglu.trial.v1' || E'\\n'
            || concat_ws(' ', period.id, extract(epoch FROM period.starts_at),
                extract(epoch FROM period.ends_at), p_n,
                coalesce(encode(before.trial_hash, 'hex'), '-')) || E'\\n'
            || coalesce((
                SELECT string_agg(concat_ws(' ', account_id, currency, opening_minor, debits_minor,
                    credits_minor, closing_minor, pending_minor), E'\\n' ORDER BY account_id)
                FROM ledger_trial WHERE period_id = period.id AND n = p_n
            ), ''), 'UTF8'))
        FROM ledger_period period
        LEFT JOIN ledger_period earlier ON earlier.ends_at = period.starts_at
        LEFT JOIN ledger_period_change before
        ON (before.period_id, before.n) = (earlier.id, earlier.changes)
        WHERE period.id = p_period
    $$
    """,
    f"""
    CREATE FUNCTION ledger_change_period() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE v_period ledger_period;
    BEGIN
        -- Nobody is writing to the books now, and nobody else changes a period.
        PERFORM pg_advisory_xact_lock({WRITING});
        SELECT * INTO v_period FROM ledger_period WHERE id = NEW.period_id;
        IF NOT EXISTS (
            SELECT FROM (VALUES
                ('open', 'soft_closed'), ('open', 'hard_closed'), ('soft_closed', 'hard_closed'),
                ('soft_closed', 'open'), ('hard_closed', 'open')
            ) step (before, after) WHERE (before, after) = (v_period.state, NEW.state)
        ) THEN
            RAISE EXCEPTION 'a period that is % does not become %', v_period.state, NEW.state
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (
            SELECT FROM ledger_period other WHERE CASE NEW.state
                WHEN 'open' THEN other.starts_at > v_period.starts_at AND other.state <> 'open'
                WHEN 'soft_closed' THEN
                    other.starts_at < v_period.starts_at AND other.state = 'open'
                ELSE other.starts_at < v_period.starts_at AND other.state <> 'hard_closed'
            END
        ) THEN
            RAISE EXCEPTION 'periods are closed in their order, and opened from the last'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        NEW.n := v_period.changes + 1;
        IF NEW.state <> 'open' THEN
            INSERT INTO ledger_trial
            SELECT NEW.period_id, NEW.n, line.* FROM ledger_trial_lines(NEW.period_id) line;
            NEW.trial_hash := ledger_trial_hash(NEW.period_id, NEW.n);
        END IF;
        UPDATE ledger_period SET state = NEW.state, changes = NEW.n WHERE id = NEW.period_id;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_period_change_applies BEFORE INSERT ON ledger_period_change
    FOR EACH ROW EXECUTE FUNCTION ledger_change_period()
    """,
    "REVOKE EXECUTE ON FUNCTION ledger_trial_lines, ledger_trial_hash FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION ledger_trial_lines, ledger_trial_hash TO tonglu_platform",
]
