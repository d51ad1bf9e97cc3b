"""A movement costs what it writes: what is known already is not asked of each row again."""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:005010"
VERSION = "1.38.0"
DESCRIPTION = "Movements ask nothing of a row that is known already."

WRITING: Final = 0x746F_6E67_626B
"""The lock of whoever writes to the books, see the migration of the times."""


async def forwards() -> MigrationManager:
    """Spare rows the checks that others make, and carry no column that is not written."""
    statements = [*_DIMS, *_FOLLOWING, _APPLYING, _BALANCING]
    return sql_migration(ID, "ledger", DESCRIPTION, statements)


# An account's dimensions never change, and all its constraints are looked at whenever it moves.
_DIMS = [
    """
    CREATE FUNCTION ledger_are_dims(p_dims jsonb) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN
        RETURN p_dims - ARRAY[
            'agent', 'customer', 'program', 'region', 'department', 'employee', 'project'
        ] = '{}' AND NOT jsonb_path_exists(p_dims, '$.* ? (@.type() <> "string" || @ == "")');
    END $$
    """,
    "GRANT EXECUTE ON FUNCTION ledger_are_dims TO tonglu_app, tonglu_platform",
    "ALTER TABLE ledger_transfer DROP CONSTRAINT ledger_transfer_dims",
    """
    ALTER TABLE ledger_transfer
        ADD CONSTRAINT ledger_transfer_dims CHECK (dims = '{}' OR ledger_are_dims(dims))
    """,
    "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_dims",
    """
    CREATE FUNCTION ledger_ensure_dims() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT ledger_are_dims(NEW.dims) THEN
            RAISE EXCEPTION 'an account is counted for something that is no dimension'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_dims';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER ledger_account_has_dims AFTER INSERT OR UPDATE OF dims ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_ensure_dims()
    """,
]

# `ledger_follow` refuses what settles or undoes nothing, and no transfer is ever deleted.
_FOLLOWING = [
    "ALTER TABLE ledger_transfer DROP CONSTRAINT ledger_transfer_pending_id_fkey",
    "ALTER TABLE ledger_transfer DROP CONSTRAINT ledger_transfer_reversal_of_fkey",
]

# A reversal is red: it takes the amount off the same sides, so that turnover is right again.
_APPLYING = f"""
    CREATE OR REPLACE FUNCTION ledger_apply_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE moved bigint; meant bigint;
    BEGIN
        -- A period closes while nobody is writing; what is booked is seen by who closes.
        PERFORM pg_advisory_xact_lock_shared({WRITING});

        WITH effect AS (
            SELECT id, group_id, position, debit_id, credit_id, currency, effective_at, recorded_at,
                is_adjustment,
                CASE kind WHEN 'hold' THEN amount_minor ELSE -released_minor END AS pending,
                CASE kind WHEN 'single' THEN amount_minor WHEN 'post' THEN amount_minor
                          WHEN 'reversal' THEN -amount_minor ELSE 0 END AS posted
            FROM added
        ), leg AS (
            SELECT debit_id AS account_id, id, group_id, position, currency, effective_at,
                recorded_at, is_adjustment, pending AS dp, posted AS dpo,
                0::bigint AS cp, 0::bigint AS cpo
            FROM effect
            UNION ALL
            SELECT credit_id, id, group_id, position, currency, effective_at,
                recorded_at, is_adjustment, 0, 0, pending, posted
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
            RETURNING a.id, a.owner_id, a.version - delta.legs AS version,
                a.credits_pending - a.debits_pending - delta.cp + delta.dp AS pending,
                a.credits_posted - a.debits_posted - delta.cpo + delta.dpo AS posted,
                a.effective_before, a.recorded_until
        ), counted AS (
            SELECT (SELECT count(*) FROM updated) AS moved, (SELECT count(*) FROM delta) AS meant
        ), written AS (
            INSERT INTO ledger_entry (
                account_id, version, transfer_id, owner_id, currency, pending_minor, posted_minor,
                pending_after, posted_after, effective_at, effective_until, booked_at, recorded_at
            )
            SELECT account.id, account.version + row_number() OVER running,
                leg.id, account.owner_id, leg.currency, leg.cp - leg.dp, leg.cpo - leg.dpo,
                account.pending + sum(leg.cp - leg.dp) OVER running,
                account.posted + sum(leg.cpo - leg.dpo) OVER running,
                leg.effective_at,
                greatest(account.effective_before, max(leg.effective_at) OVER running),
                greatest(
                    leg.effective_at,
                    CASE WHEN leg.is_adjustment THEN closed.hard_until ELSE closed.soft_until END
                ),
                account.recorded_until
            FROM leg JOIN updated account ON account.id = leg.account_id
            CROSS JOIN ledger_closed() closed
            WHERE (SELECT counted.moved = counted.meant FROM counted)
            WINDOW running AS (
                PARTITION BY account.id ORDER BY leg.group_id, leg.position
                ROWS UNBOUNDED PRECEDING
            )
        )
        SELECT counted.moved, counted.meant INTO moved, meant FROM counted;
        IF moved <> meant THEN
            RAISE EXCEPTION 'an account is missing, closed, of another currency, not yours, or '
                'wants a dimension'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""

# Of two lines the sum is that of the larger and the smaller, which are still whole numbers.
_BALANCING = """
    CREATE OR REPLACE FUNCTION ledger_ensure_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added GROUP BY transfer_id, currency
            HAVING count(*) <> 2 OR max(pending_minor) + min(pending_minor) <> 0
            OR max(posted_minor) + min(posted_minor) <> 0
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
"""
