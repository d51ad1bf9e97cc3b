"""Reading the books as the platform costs what is read, however many accounts there are."""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004600"
VERSION = "1.38.0"
DESCRIPTION = "Movements are applied in one pass over the accounts that they name."

WRITING: Final = 0x746F_6E67_626B
"""The lock of whoever writes to the books, see the migration of the times."""


async def forwards() -> MigrationManager:
    """Let PostgreSQL see how many rows the platform reaches, and move accounts in one statement."""
    return sql_migration(ID, "ledger", DESCRIPTION, [_POLICIES, *_SETTLING, _APPLYING])


# A role asked of each row was guessed to hide all but one in 200 of them, so that joins were made
# for a single account and compared each movement with every account. Asked once a statement, as
# `reachable` writes it from now on, it is guessed to hide half.
_POLICIES = """
    DO $$
    DECLARE policy record;
    BEGIN
        FOR policy IN
            SELECT polrelid::regclass AS held_by, polname AS name FROM pg_policy
            WHERE pg_get_expr(polqual, polrelid)
                = '((CURRENT_USER = ''tonglu_platform''::name) AND true)'
        LOOP
            EXECUTE format(
                'ALTER POLICY %I ON %s USING ((SELECT current_user = %L))
                    WITH CHECK ((SELECT current_user = %L))',
                policy.name, policy.held_by, 'tonglu_platform', 'tonglu_platform'
            );
        END LOOP;
    END $$
"""

# What settles nothing and undoes nothing has no place in these.
_SETTLING = [
    statement
    for column in ("pending_id", "reversal_of")
    for statement in (
        f"ALTER TABLE ledger_transfer DROP CONSTRAINT ledger_transfer_{column}_key",
        f"""
        CREATE UNIQUE INDEX ledger_transfer_{column}_key ON ledger_transfer ({column})
        WHERE {column} IS NOT NULL
        """,
    )
]

# A reversal is red: it takes the amount off the same sides, so that turnover is right again.
_APPLYING = f"""
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
            SELECT debit_id AS account_id, effect.*, pending AS dp, posted AS dpo,
                0::bigint AS cp, 0::bigint AS cpo
            FROM effect
            UNION ALL
            SELECT credit_id, effect.*, 0, 0, pending, posted FROM effect
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
