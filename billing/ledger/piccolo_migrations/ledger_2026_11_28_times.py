"""When value moved, when that was written down, where it is booked, and what it is counted for.

Balances at a time are read without further indexes: on each account the lines are in the order in
which they were recorded, and `effective_until`, the latest effective time so far, only grows along
them. So the line to begin from is found by halving, and only lines that came late are summed.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:000510"
VERSION = "1.38.0"
DESCRIPTION = "Effective, recorded and booked times; kinds and dimensions of accounts."

WRITING = 0x746F_6E67_626B
"""`tongbk` in ASCII: shared by whoever writes to the books, exclusive to who closes a period."""


async def forwards() -> MigrationManager:
    """Add the columns, fill them for what is there, and have the triggers keep them."""
    statements = [
        *_KIND,
        *_DIMENSIONS,
        *_TIMES,
        *_BOOKING,
        *_APPLYING,
        *_BALANCING,
        *_RECORDING,
        *_LOOKING_BACK,
    ]
    return sql_migration(ID, "ledger", DESCRIPTION, statements)


_DIMS = "'agent', 'customer', 'program', 'region', 'department', 'employee', 'project'"
_ARE_DIMS = f"""
dims - ARRAY[{_DIMS}] = '{{}}'
AND NOT jsonb_path_exists(dims, '$.* ? (@.type() <> "string" || @ == "")')
"""

_KIND = [
    f"""
    CREATE TABLE ledger_account_kind (
        kind text COLLATE "C" PRIMARY KEY,
        owner_is text,
        subject_is text,
        wants text[] NOT NULL DEFAULT '{{}}' CHECK (wants <@ ARRAY[{_DIMS}])
    )
    """,
    """
    INSERT INTO ledger_account_kind (kind, owner_is, subject_is, wants) VALUES
        ('funding', NULL, NULL, '{}'),
        ('budget', 'agent', 'program', '{program}'),
        ('issued', 'agent', 'program', '{agent,program}'),
        ('exchange', NULL, NULL, '{}'),
        ('expense', NULL, NULL, '{program,department}')
    """,
    *append_only("ledger_account_kind"),
    *reachable("ledger_account_kind", select="true"),
    "GRANT SELECT ON ledger_account_kind TO tonglu_app, tonglu_platform",
    "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_kind_check",
    """
    ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_has_kind
    FOREIGN KEY (kind) REFERENCES ledger_account_kind (kind)
    """,
]

# Under FORCE the owner sees no rows; what is there is filled in this one transaction.
_DIMENSIONS = [
    """
    ALTER TABLE ledger_account
        ADD COLUMN dims jsonb NOT NULL DEFAULT '{}',
        ADD COLUMN wants text[] NOT NULL DEFAULT '{}'
    """,
    "ALTER TABLE ledger_account NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE ledger_account SET dims = jsonb_strip_nulls(jsonb_build_object(
        'program', subject_id, 'agent', CASE WHEN NOT is_shared THEN owner_id END
    )) WHERE kind IN ('budget', 'issued')
    """,
    "ALTER TABLE ledger_account FORCE ROW LEVEL SECURITY",
    f"ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_dims CHECK ({_ARE_DIMS})",
    f"""
    ALTER TABLE ledger_transfer
        ADD COLUMN dims jsonb NOT NULL DEFAULT '{{}}'
            CONSTRAINT ledger_transfer_dims CHECK ({_ARE_DIMS}),
        ADD COLUMN is_adjustment boolean NOT NULL DEFAULT false
    """,
    "GRANT INSERT (dims) ON ledger_account TO tonglu_platform",
    """
    CREATE POLICY ledger_transfer_agent_adjusts_nothing ON ledger_transfer AS RESTRICTIVE
    FOR INSERT TO tonglu_app WITH CHECK (NOT is_adjustment)
    """,
    # What an account is for follows from whose it is; what its kind wants beyond that, each
    # transfer has to bring.
    """
    CREATE FUNCTION ledger_take_dims() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE v_kind ledger_account_kind;
    BEGIN
        SELECT * INTO v_kind FROM ledger_account_kind WHERE kind = NEW.kind;
        IF v_kind.owner_is IS NOT NULL AND NOT NEW.is_shared THEN
            NEW.dims := jsonb_build_object(v_kind.owner_is, NEW.owner_id) || NEW.dims;
        END IF;
        IF v_kind.subject_is IS NOT NULL THEN
            NEW.dims := jsonb_build_object(v_kind.subject_is, NEW.subject_id) || NEW.dims;
        END IF;
        NEW.wants := ARRAY(
            SELECT wanted FROM unnest(v_kind.wants) wanted WHERE NOT NEW.dims ? wanted
        );
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER ledger_account_takes_dims BEFORE INSERT ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_take_dims()
    """,
]

_TIMES = [
    """
    ALTER TABLE ledger_account
        ADD COLUMN effective_before timestamptz,
        ADD COLUMN effective_until timestamptz,
        ADD COLUMN recorded_until timestamptz
    """,
    """
    ALTER TABLE ledger_entry
        ADD COLUMN booked_at timestamptz,
        ADD COLUMN effective_until timestamptz
    """,
    "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only",
    """
    UPDATE ledger_entry entry SET booked_at = entry.effective_at,
        effective_until = seen.effective_until, recorded_at = seen.recorded_at
    FROM (
        SELECT account_id, version, max(effective_at) OVER running AS effective_until,
            max(recorded_at) OVER running AS recorded_at
        FROM ledger_entry WINDOW running AS (PARTITION BY account_id ORDER BY version)
    ) seen
    WHERE (entry.account_id, entry.version) = (seen.account_id, seen.version)
    """,
    "ALTER TABLE ledger_entry ENABLE TRIGGER ledger_entry_is_append_only",
    "ALTER TABLE ledger_account NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE ledger_account account SET effective_before = entry.effective_until,
        effective_until = entry.effective_until, recorded_until = entry.recorded_at
    FROM ledger_entry entry
    WHERE (entry.account_id, entry.version) = (account.id, account.version)
    """,
    "ALTER TABLE ledger_account FORCE ROW LEVEL SECURITY",
    """
    ALTER TABLE ledger_entry
        ALTER COLUMN booked_at SET NOT NULL, ALTER COLUMN effective_until SET NOT NULL
    """,
    """
    CREATE INDEX ledger_entry_late ON ledger_entry (account_id, version)
    WHERE effective_at < effective_until
    """,
    # Lines are booked nearly in the order in which they are written.
    "CREATE INDEX ledger_entry_booked ON ledger_entry USING brin (booked_at)",
    # What has not happened is not booked, so that no line makes all that follow look late.
    """
    ALTER TABLE ledger_transfer ADD CONSTRAINT ledger_transfer_has_happened
    CHECK (effective_at <= recorded_at)
    """,
    "DROP TRIGGER ledger_account_moves_by_transfer ON ledger_account",
    """
    CREATE TRIGGER ledger_account_moves_by_transfer
    BEFORE UPDATE OF debits_pending, debits_posted, credits_pending, credits_posted, version,
        effective_before, effective_until, recorded_until
    ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_outside_transfer()
    """,
    """
    GRANT UPDATE (effective_before, effective_until, recorded_until) ON ledger_account
    TO tonglu_app, tonglu_platform
    """,
]

_BOOKING = [
    # Until there are periods, nothing is closed; they replace this.
    """
    CREATE FUNCTION ledger_closed(OUT soft_until timestamptz, OUT hard_until timestamptz)
    STABLE LANGUAGE sql AS $$ SELECT '-infinity'::timestamptz, '-infinity'::timestamptz $$
    """,
    "REVOKE EXECUTE ON FUNCTION ledger_closed FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION ledger_closed TO tonglu_app, tonglu_platform",
]

_APPLYING = [
    # A reversal is red: it takes the amount off the same sides, so that turnover is right again.
    f"""
    CREATE OR REPLACE FUNCTION ledger_apply_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE moved bigint; meant bigint;
    BEGIN
        -- A period closes while nobody is writing; what is booked is seen by who closes.
        PERFORM pg_advisory_xact_lock_shared({WRITING});

        WITH effect AS (
            SELECT *,
                CASE kind WHEN 'hold' THEN amount_minor ELSE -released_minor END AS pending,
                CASE kind WHEN 'single' THEN amount_minor WHEN 'post' THEN amount_minor
                          WHEN 'reversal' THEN -amount_minor ELSE 0 END AS posted
            FROM added
        ), leg AS (
            SELECT debit_id AS account_id, currency, effective_at, recorded_at,
                pending AS dp, posted AS dpo, 0 AS cp, 0 AS cpo
            FROM effect
            UNION ALL
            SELECT credit_id, currency, effective_at, recorded_at, 0, 0, pending, posted
            FROM effect
        ), delta AS (
            SELECT account_id, currency, sum(dp)::bigint AS dp, sum(dpo)::bigint AS dpo,
                   sum(cp)::bigint AS cp, sum(cpo)::bigint AS cpo, count(*) AS legs,
                   max(effective_at) AS effective_at, max(recorded_at) AS recorded_at
            FROM leg GROUP BY account_id, currency
        ), updated AS (
            UPDATE ledger_account a SET
                debits_pending = a.debits_pending + delta.dp,
                debits_posted = a.debits_posted + delta.dpo,
                credits_pending = a.credits_pending + delta.cp,
                credits_posted = a.credits_posted + delta.cpo,
                version = a.version + delta.legs,
                effective_before = a.effective_until,
                effective_until = greatest(a.effective_until, delta.effective_at),
                recorded_until = greatest(a.recorded_until, delta.recorded_at)
            FROM delta
            WHERE a.id = delta.account_id AND a.currency = delta.currency AND a.closed_at IS NULL
            AND (a.wants = '{{}}' OR NOT EXISTS (
                SELECT FROM added WHERE a.id IN (debit_id, credit_id) AND NOT dims ?& a.wants
            ))
            RETURNING a.id
        )
        SELECT (SELECT count(*) FROM updated), (SELECT count(*) FROM delta) INTO moved, meant;
        IF moved <> meant THEN
            RAISE EXCEPTION 'an account is missing, closed, of another currency, not yours, or '
                'wants a dimension'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;

        INSERT INTO ledger_entry (
            account_id, version, transfer_id, owner_id, currency, pending_minor, posted_minor,
            pending_after, posted_after, effective_at, effective_until, booked_at, recorded_at
        )
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
               leg.effective_at,
               greatest(a.effective_before, max(leg.effective_at) OVER running),
               greatest(
                   leg.effective_at,
                   CASE WHEN leg.is_adjustment THEN closed.hard_until ELSE closed.soft_until END
               ),
               a.recorded_until
        FROM leg JOIN ledger_account a ON a.id = leg.account_id
        CROSS JOIN ledger_closed() closed
        WINDOW whole AS (PARTITION BY a.id),
               running AS (
                   PARTITION BY a.id ORDER BY leg.group_id, leg.position ROWS UNBOUNDED PRECEDING
               );
        RETURN NULL;
    END $$
    """,
]

_BALANCING = [
    """
    CREATE OR REPLACE FUNCTION ledger_ensure_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added GROUP BY transfer_id, currency
            HAVING sum(pending_minor) <> 0 OR sum(posted_minor) <> 0 OR count(*) <> 2
        ) THEN
            RAISE EXCEPTION 'the entries of a transfer do not sum to zero'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (SELECT FROM added, ledger_closed() closed WHERE booked_at < closed.hard_until)
        THEN
            RAISE EXCEPTION 'an entry is booked in a period that is closed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
]

_RECORDING = [
    "DROP FUNCTION ledger_resolve",
    """
    DROP FUNCTION ledger_record(
        uuid, uuid, bytea, uuid, uuid, timestamptz, timestamptz, text, jsonb
    )
    """,
    # What a line names, with the transfer that it settles or undoes.
    """
    CREATE FUNCTION ledger_resolve(p_lines jsonb) RETURNS TABLE (
        id uuid, kind text, debit_id uuid, credit_id uuid, currency text, amount_minor bigint,
        pending_id uuid, reversal_of uuid, event text, dims jsonb, n bigint,
        target_kind text, target_minor bigint, settled_by text, is_reversed boolean,
        same_target bigint
    ) STABLE LANGUAGE sql AS $$
        SELECT line.id, line.kind,
            coalesce(line.debit_id, target.debit_id), coalesce(line.credit_id, target.credit_id),
            coalesce(line.currency, target.currency),
            coalesce(line.amount_minor, target.amount_minor),
            line.pending_id, line.reversal_of, line.event,
            coalesce(target.dims, '{}') || coalesce(line.dims, '{}'), line.n,
            target.kind, target.amount_minor,
            (SELECT s.kind FROM ledger_transfer s WHERE s.pending_id = line.pending_id),
            EXISTS (SELECT FROM ledger_transfer s WHERE s.reversal_of = line.reversal_of),
            count(*) OVER (PARTITION BY coalesce(line.pending_id, line.reversal_of, line.id))
        FROM ROWS FROM (
            jsonb_to_recordset(p_lines) AS (
                id uuid, kind text, debit_id uuid, credit_id uuid, currency text,
                amount_minor bigint,
                pending_id uuid, reversal_of uuid, event text, dims jsonb
            )
        ) WITH ORDINALITY AS line (
            id, kind, debit_id, credit_id, currency, amount_minor, pending_id, reversal_of, event,
            dims, n
        )
        LEFT JOIN ledger_transfer target ON target.id = coalesce(line.pending_id, line.reversal_of)
    $$
    """,
    # One statement for the caller: lock in one order, decide or answer again, do all or nothing.
    f"""
    CREATE FUNCTION ledger_record(
        p_owner uuid, p_key uuid, p_fingerprint bytea, p_group uuid, p_actor uuid,
        p_now timestamptz, p_effective timestamptz, p_reason text, p_lines jsonb,
        p_is_adjustment boolean DEFAULT false
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
        IF p_is_adjustment THEN
            -- What is open now stays open until this is written.
            PERFORM pg_advisory_xact_lock_shared({WRITING});
        END IF;

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
                WHEN NOT line.dims ?& account.wants THEN 'dimension_missing'
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
            UNION ALL
            SELECT 0, CASE WHEN p_is_adjustment AND p_effective < closed.hard_until
                THEN 'period_closed' END
            FROM ledger_closed() closed
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
                pending_id, reversal_of, event, effective_at, recorded_at, actor_id, reason, dims,
                is_adjustment
            )
            SELECT id, p_owner, p_group, n - 1, kind, debit_id, credit_id, currency, amount_minor,
                pending_id, reversal_of, event, p_effective, p_now, p_actor, p_reason, dims,
                p_is_adjustment
            FROM ledger_resolve(p_lines);
        END IF;
        RETURN QUERY SELECT coalesce(v_code, 'recorded'), p_group, true;
    END $$
    """,
    "REVOKE EXECUTE ON FUNCTION ledger_resolve, ledger_record FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION ledger_resolve, ledger_record TO tonglu_platform",
]

_LOOKING_BACK = [
    # Both times only grow from line to line, so halving finds the last line within them.
    """
    CREATE FUNCTION ledger_version_at(
        p_account uuid, p_effective timestamptz, p_recorded timestamptz
    ) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
    DECLARE v_low bigint := 0; v_high bigint; v_middle bigint; v_is_within boolean;
    BEGIN
        SELECT version INTO v_high FROM ledger_account WHERE id = p_account;
        WHILE v_low < v_high LOOP
            v_middle := (v_low + v_high + 1) / 2;
            SELECT effective_until <= p_effective AND recorded_at <= p_recorded INTO v_is_within
            FROM ledger_entry WHERE account_id = p_account AND version = v_middle;
            IF v_is_within THEN v_low := v_middle; ELSE v_high := v_middle - 1; END IF;
        END LOOP;
        RETURN v_low;
    END $$
    """,
    "REVOKE EXECUTE ON FUNCTION ledger_version_at FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION ledger_version_at TO tonglu_platform",
]
