"""Accounts, transfers, entries and outcomes, and what the database itself keeps true of them.

Counters move in one place only: the trigger on `ledger_transfer`, which writes the entries too. So
the counters are the fold of the transfers by construction, for every role, and an account that the
row-level policy hides cannot be moved.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-23T00:00:00:000101"
VERSION = "1.38.0"
DESCRIPTION = "The double-entry ledger."


async def forwards() -> MigrationManager:
    """Make the ledger."""
    statements = [
        *_REFUSALS,
        *_ACCOUNT,
        *_TRANSFER,
        *_ENTRY,
        *_OUTCOME,
        *_FOLLOWING,
        *_APPLYING,
        *_BALANCING,
        *_RECORDING,
    ]
    return sql_migration(ID, "ledger", DESCRIPTION, statements)


_REFUSALS = [
    """
    CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only; correct it with another entry', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE FUNCTION ledger_refuse_outside_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION '% moves by transfers only', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
]

_ACCOUNT = [
    """
    CREATE TABLE ledger_account (
        id uuid PRIMARY KEY,
        owner_id uuid NOT NULL,
        is_shared boolean NOT NULL DEFAULT false,
        kind text NOT NULL CHECK (kind IN ('funding', 'budget', 'issued')),
        currency text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3,8}$'),
        bound text NOT NULL CHECK (
            bound IN ('none', 'debits_within_credits', 'credits_within_debits')
        ),
        subject_id uuid NOT NULL,
        debits_pending bigint NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
        debits_posted bigint NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
        credits_pending bigint NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
        credits_posted bigint NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
        version bigint NOT NULL DEFAULT 0,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT ledger_account_within_credits CHECK (
            bound <> 'debits_within_credits' OR debits_pending + debits_posted <= credits_posted
        ),
        CONSTRAINT ledger_account_within_debits CHECK (
            bound <> 'credits_within_debits' OR credits_pending + credits_posted <= debits_posted
        )
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX ledger_account_of_subject ON ledger_account (subject_id, kind)",
    """
    CREATE TRIGGER ledger_account_moves_by_transfer
    BEFORE UPDATE OF debits_pending, debits_posted, credits_pending, credits_posted, version
    ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_outside_transfer()
    """,
    """
    CREATE TRIGGER ledger_account_stays BEFORE DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable(
        "ledger_account",
        select=f"owner_id = {AGENT} OR is_shared",
        update=f"owner_id = {AGENT} OR is_shared",
        insert=f"owner_id = {AGENT} AND kind = 'issued' AND NOT is_shared",
    ),
    "GRANT SELECT ON ledger_account TO tonglu_app, tonglu_platform",
    """
    GRANT INSERT (id, owner_id, kind, currency, bound, subject_id, opened_at) ON ledger_account
    TO tonglu_app
    """,
    """
    GRANT INSERT (id, owner_id, is_shared, kind, currency, bound, subject_id, opened_at)
    ON ledger_account
    TO tonglu_platform
    """,
    """
    GRANT UPDATE (debits_pending, debits_posted, credits_pending, credits_posted, version)
    ON ledger_account
    TO tonglu_app, tonglu_platform
    """,
    "GRANT UPDATE (closed_at) ON ledger_account TO tonglu_platform",
]

_TRANSFER = [
    """
    CREATE TABLE ledger_transfer (
        id uuid PRIMARY KEY,
        owner_id uuid NOT NULL,
        group_id uuid NOT NULL,
        position integer NOT NULL CHECK (position >= 0),
        kind text NOT NULL CHECK (
            kind IN ('single', 'hold', 'post', 'void', 'expire', 'reversal')
        ),
        debit_id uuid NOT NULL REFERENCES ledger_account (id),
        credit_id uuid NOT NULL REFERENCES ledger_account (id),
        currency text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
        released_minor bigint NOT NULL DEFAULT 0,
        pending_id uuid UNIQUE REFERENCES ledger_transfer (id),
        reversal_of uuid UNIQUE REFERENCES ledger_transfer (id),
        event text COLLATE "C" NOT NULL,
        effective_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor_id uuid NOT NULL,
        reason text,
        UNIQUE (group_id, position),
        CHECK (debit_id <> credit_id),
        CHECK ((kind IN ('post', 'void', 'expire')) = (pending_id IS NOT NULL)),
        CHECK ((kind = 'reversal') = (reversal_of IS NOT NULL)),
        CHECK (CASE WHEN kind IN ('post', 'void', 'expire') THEN released_minor >= amount_minor
                    ELSE released_minor = 0 END)
    )
    """,
    *append_only("ledger_transfer"),
    # An agent's transaction may hold, and nothing else.
    *reachable("ledger_transfer", insert=f"owner_id = {AGENT} AND kind = 'hold'"),
    "GRANT INSERT ON ledger_transfer TO tonglu_app",
    "GRANT SELECT, INSERT ON ledger_transfer TO tonglu_platform",
]

_ENTRY = [
    # No foreign keys: only the trigger on transfers writes here, from rows that passed theirs.
    """
    CREATE TABLE ledger_entry (
        account_id uuid NOT NULL,
        version bigint NOT NULL,
        transfer_id uuid NOT NULL,
        owner_id uuid NOT NULL,
        currency text COLLATE "C" NOT NULL,
        pending_minor bigint NOT NULL,
        posted_minor bigint NOT NULL,
        pending_after bigint NOT NULL,
        posted_after bigint NOT NULL,
        effective_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (account_id, version),
        UNIQUE (transfer_id, account_id)
    )
    """,
    *append_only("ledger_entry"),
    """
    CREATE TRIGGER ledger_entry_comes_by_transfer BEFORE INSERT ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_outside_transfer()
    """,
    # Not `reachable`: an agent's transaction writes the pool's lines too, and reads none.
    "GRANT INSERT ON ledger_entry TO tonglu_app",
    "GRANT SELECT, INSERT ON ledger_entry TO tonglu_platform",
]

_OUTCOME = [
    """
    CREATE TABLE ledger_outcome (
        owner_id uuid NOT NULL,
        key uuid NOT NULL,
        fingerprint bytea NOT NULL,
        code text COLLATE "C" NOT NULL,
        result_id uuid NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (owner_id, key)
    )
    """,
    *append_only("ledger_outcome"),
    *reachable("ledger_outcome", select=f"owner_id = {AGENT}", insert=f"owner_id = {AGENT}"),
    "GRANT SELECT, INSERT ON ledger_outcome TO tonglu_app, tonglu_platform",
]

_FOLLOWING = [
    # What settles a hold or undoes a transfer has its accounts and currency, at most its amount.
    """
    CREATE FUNCTION ledger_follow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE target ledger_transfer;
    BEGIN
        SELECT * INTO target FROM ledger_transfer
        WHERE id = coalesce(NEW.pending_id, NEW.reversal_of);
        IF target.id IS NULL
            OR (target.debit_id, target.credit_id, target.currency)
                <> (NEW.debit_id, NEW.credit_id, NEW.currency)
            OR (NEW.kind = 'reversal') <> (target.kind IN ('single', 'post'))
            OR (NEW.kind <> 'reversal') <> (target.kind = 'hold')
            OR NEW.amount_minor > target.amount_minor
            OR (NEW.amount_minor < target.amount_minor AND NEW.kind <> 'post')
        THEN
            RAISE EXCEPTION 'a % does not fit the transfer that it follows', NEW.kind
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.kind <> 'reversal' THEN
            NEW.released_minor := target.amount_minor;
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_transfer_follows BEFORE INSERT ON ledger_transfer
    FOR EACH ROW WHEN (NEW.kind NOT IN ('single', 'hold')) EXECUTE FUNCTION ledger_follow()
    """,
]

_APPLYING = [
    # A reversal is red: it takes the amount off the same sides, so that turnover is right again.
    """
    CREATE FUNCTION ledger_apply_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE moved bigint; meant bigint;
    BEGIN
        WITH effect AS (
            SELECT *,
                CASE kind WHEN 'hold' THEN amount_minor ELSE -released_minor END AS pending,
                CASE kind WHEN 'single' THEN amount_minor WHEN 'post' THEN amount_minor
                          WHEN 'reversal' THEN -amount_minor ELSE 0 END AS posted
            FROM added
        ), leg AS (
            SELECT debit_id AS account_id, currency, pending AS dp, posted AS dpo, 0 AS cp, 0 AS cpo
            FROM effect
            UNION ALL
            SELECT credit_id, currency, 0, 0, pending, posted FROM effect
        ), delta AS (
            SELECT account_id, currency, sum(dp)::bigint AS dp, sum(dpo)::bigint AS dpo,
                   sum(cp)::bigint AS cp, sum(cpo)::bigint AS cpo, count(*) AS legs
            FROM leg GROUP BY account_id, currency
        ), updated AS (
            UPDATE ledger_account a SET
                debits_pending = a.debits_pending + delta.dp,
                debits_posted = a.debits_posted + delta.dpo,
                credits_pending = a.credits_pending + delta.cp,
                credits_posted = a.credits_posted + delta.cpo,
                version = a.version + delta.legs
            FROM delta
            WHERE a.id = delta.account_id AND a.currency = delta.currency AND a.closed_at IS NULL
            RETURNING a.id
        )
        SELECT (SELECT count(*) FROM updated), (SELECT count(*) FROM delta) INTO moved, meant;
        IF moved <> meant THEN
            RAISE EXCEPTION 'an account is missing, closed, of another currency or not yours'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;

        INSERT INTO ledger_entry
        WITH effect AS (
            SELECT *,
                CASE kind WHEN 'hold' THEN amount_minor ELSE -released_minor END AS pending,
                CASE kind WHEN 'single' THEN amount_minor WHEN 'post' THEN amount_minor
                          WHEN 'reversal' THEN -amount_minor ELSE 0 END AS posted
            FROM added
        ), leg AS (
            SELECT debit_id AS account_id, effect.*, -pending AS pending_minor,
                -posted AS posted_minor
            FROM effect
            UNION ALL
            SELECT credit_id, effect.*, pending, posted FROM effect
        )
        SELECT a.id,
               a.version - count(*) OVER whole + row_number() OVER running,
               leg.id, a.owner_id, leg.currency, leg.pending_minor, leg.posted_minor,
               a.credits_pending - a.debits_pending
                   - sum(leg.pending_minor) OVER whole + sum(leg.pending_minor) OVER running,
               a.credits_posted - a.debits_posted
                   - sum(leg.posted_minor) OVER whole + sum(leg.posted_minor) OVER running,
               leg.effective_at, leg.recorded_at
        FROM leg JOIN ledger_account a ON a.id = leg.account_id
        WINDOW whole AS (PARTITION BY a.id),
               running AS (
                   PARTITION BY a.id ORDER BY leg.group_id, leg.position ROWS UNBOUNDED PRECEDING
               );
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER ledger_transfer_applies AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_apply_transfers()
    """,
]

_BALANCING = [
    """
    CREATE FUNCTION ledger_ensure_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added GROUP BY transfer_id, currency
            HAVING sum(pending_minor) <> 0 OR sum(posted_minor) <> 0 OR count(*) <> 2
        ) THEN
            RAISE EXCEPTION 'the entries of a transfer do not sum to zero'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_ensure_balanced()
    """,
]

_RECORDING = [
    # What a line names, with the transfer that it settles or undoes.
    """
    CREATE FUNCTION ledger_resolve(p_lines jsonb) RETURNS TABLE (
        id uuid, kind text, debit_id uuid, credit_id uuid, currency text, amount_minor bigint,
        pending_id uuid, reversal_of uuid, event text, n bigint,
        target_kind text, target_minor bigint, settled_by text, is_reversed boolean,
        same_target bigint
    ) STABLE LANGUAGE sql AS $$
        SELECT line.id, line.kind,
            coalesce(line.debit_id, target.debit_id), coalesce(line.credit_id, target.credit_id),
            coalesce(line.currency, target.currency),
            coalesce(line.amount_minor, target.amount_minor),
            line.pending_id, line.reversal_of, line.event, line.n,
            target.kind, target.amount_minor,
            (SELECT s.kind FROM ledger_transfer s WHERE s.pending_id = line.pending_id),
            EXISTS (SELECT FROM ledger_transfer s WHERE s.reversal_of = line.reversal_of),
            count(*) OVER (PARTITION BY coalesce(line.pending_id, line.reversal_of, line.id))
        FROM ROWS FROM (
            jsonb_to_recordset(p_lines) AS (
                id uuid, kind text, debit_id uuid, credit_id uuid, currency text,
                amount_minor bigint,
                pending_id uuid, reversal_of uuid, event text
            )
        ) WITH ORDINALITY AS line (
            id, kind, debit_id, credit_id, currency, amount_minor, pending_id, reversal_of, event, n
        )
        LEFT JOIN ledger_transfer target ON target.id = coalesce(line.pending_id, line.reversal_of)
    $$
    """,
    # One statement for the caller: lock in one order, decide or answer again, do all or nothing.
    """
    CREATE FUNCTION ledger_record(
        p_owner uuid, p_key uuid, p_fingerprint bytea, p_group uuid, p_actor uuid,
        p_now timestamptz, p_effective timestamptz, p_reason text, p_lines jsonb
    ) RETURNS TABLE (code text, result_id uuid, is_new boolean) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE v_code text; v_held ledger_outcome; v_locked uuid[];
    BEGIN
        -- FOR NO KEY UPDATE keeps other movers out, but not the foreign keys that point here. An
        -- account that is opened while this waits is not locked, so it does not exist for it.
        SELECT array_agg(id) INTO v_locked FROM (
            SELECT id FROM ledger_account WHERE id IN (
                SELECT unnest(ARRAY[debit_id, credit_id]) FROM ledger_resolve(p_lines)
            ) ORDER BY id FOR NO KEY UPDATE
        ) locked;

        SELECT line.code INTO v_code FROM (
            SELECT line.n, CASE
                WHEN line.kind IN ('single', 'hold') THEN NULL
                WHEN line.target_kind IS NULL THEN 'transfer_not_found'
                WHEN line.kind = 'reversal' AND line.target_kind NOT IN ('single', 'post')
                THEN 'not_reversible'
                WHEN line.kind <> 'reversal' AND line.target_kind <> 'hold' THEN 'not_a_hold'
                WHEN line.settled_by = 'post' THEN 'already_posted'
                WHEN line.settled_by = 'void' THEN 'already_voided'
                WHEN line.settled_by = 'expire' THEN 'already_expired'
                WHEN line.is_reversed THEN 'already_reversed'
                WHEN line.amount_minor > line.target_minor THEN 'exceeds_hold'
                WHEN line.same_target > 1 THEN 'settled_twice'
            END AS code
            FROM ledger_resolve(p_lines) line
            UNION ALL
            SELECT line.n, CASE
                WHEN account.id IS NULL THEN 'account_not_found'
                WHEN account.closed_at IS NOT NULL THEN 'account_closed'
                WHEN account.currency <> line.currency THEN 'wrong_currency'
            END
            FROM ledger_resolve(p_lines) line
            CROSS JOIN LATERAL unnest(ARRAY[line.debit_id, line.credit_id]) side (account_id)
            LEFT JOIN ledger_account account
            ON account.id = side.account_id AND account.id = ANY (v_locked)
            UNION ALL
            SELECT 1 + jsonb_array_length(p_lines), CASE
                WHEN account.bound = 'debits_within_credits'
                    AND account.debits_pending + delta.pending_debits
                        + account.debits_posted + delta.posted_debits
                        > account.credits_posted + delta.posted_credits
                THEN 'exceeds_credits'
                WHEN account.bound = 'credits_within_debits'
                    AND account.credits_pending + delta.pending_credits
                        + account.credits_posted + delta.posted_credits
                        > account.debits_posted + delta.posted_debits
                THEN 'exceeds_debits'
            END
            FROM (
                SELECT side.account_id,
                    sum(effect.pending) FILTER (WHERE side.is_debit) AS pending_debits,
                    sum(effect.posted) FILTER (WHERE side.is_debit) AS posted_debits,
                    sum(effect.pending) FILTER (WHERE NOT side.is_debit) AS pending_credits,
                    sum(effect.posted) FILTER (WHERE NOT side.is_debit) AS posted_credits
                FROM ledger_resolve(p_lines) line
                CROSS JOIN LATERAL (SELECT
                    CASE line.kind
                        WHEN 'hold' THEN line.amount_minor
                        WHEN 'single' THEN 0
                        WHEN 'reversal' THEN 0
                        ELSE -line.target_minor
                    END AS pending,
                    CASE line.kind
                        WHEN 'single' THEN line.amount_minor
                        WHEN 'post' THEN line.amount_minor
                        WHEN 'reversal' THEN -line.amount_minor
                        ELSE 0
                    END AS posted
                ) effect
                CROSS JOIN LATERAL (VALUES (line.debit_id, true), (line.credit_id, false))
                    side (account_id, is_debit)
                GROUP BY side.account_id
            ) sums
            CROSS JOIN LATERAL (SELECT
                coalesce(pending_debits, 0) AS pending_debits,
                coalesce(posted_debits, 0) AS posted_debits,
                coalesce(pending_credits, 0) AS pending_credits,
                coalesce(posted_credits, 0) AS posted_credits
            ) delta
            JOIN ledger_account account ON account.id = sums.account_id
        ) line WHERE line.code IS NOT NULL ORDER BY line.n, line.code LIMIT 1;

        -- The key is claimed before anything is done: a rival with the same key waits here, and
        -- then finds it taken.
        INSERT INTO ledger_outcome (owner_id, key, fingerprint, code, result_id, recorded_at)
        VALUES (p_owner, p_key, p_fingerprint, coalesce(v_code, 'recorded'), p_group, p_now)
        ON CONFLICT (owner_id, key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT * INTO v_held FROM ledger_outcome WHERE owner_id = p_owner AND key = p_key;
            RETURN QUERY SELECT
                CASE WHEN v_held.fingerprint = p_fingerprint THEN v_held.code ELSE 'id_reused' END,
                v_held.result_id, false;
            RETURN;
        END IF;

        IF v_code IS NULL THEN
            INSERT INTO ledger_transfer (
                id, owner_id, group_id, position, kind, debit_id, credit_id, currency, amount_minor,
                pending_id, reversal_of, event, effective_at, recorded_at, actor_id, reason
            )
            SELECT id, p_owner, p_group, n - 1, kind, debit_id, credit_id, currency, amount_minor,
                pending_id, reversal_of, event, p_effective, p_now, p_actor, p_reason
            FROM ledger_resolve(p_lines);
        END IF;
        RETURN QUERY SELECT coalesce(v_code, 'recorded'), p_group, true;
    END $$
    """,
    "REVOKE EXECUTE ON FUNCTION ledger_resolve, ledger_record FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION ledger_resolve, ledger_record TO tonglu_platform",
]
