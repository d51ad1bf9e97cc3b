"""What stands beyond a customer's limit counts, and issuing reads nothing but what it is about."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:005000"
VERSION = "1.38.0"
DESCRIPTION = "Places beyond a customer's limit count."


async def forwards() -> MigrationManager:
    """Count all that a customer has, and look everything up by key.

    A promise that is kept in spite of the limit stands beyond it. When a benefit within the limit
    was withdrawn, its place was taken for free, though the customer had as many as allowed.

    A plan is kept that was made while tables were small, and read all of them: so no table is read
    from end to end here. Accounts are read once, when they are locked.
    """
    return sql_migration(
        ID,
        "issuance",
        DESCRIPTION,
        [_ISSUE, "ALTER FUNCTION issuance_issue SET enable_seqscan = off", _BUDGETS],
    )


# Many draw on one budget, which is looked for once.
_BUDGETS = """
    CREATE OR REPLACE FUNCTION issuance_ensure_budgets() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (SELECT DISTINCT budget_id FROM added) asked WHERE NOT EXISTS (
                SELECT FROM ledger_account budget WHERE budget.id = asked.budget_id
            )
        ) THEN
            RAISE EXCEPTION 'a budget is missing, or not yours'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""

_ISSUE = """
    CREATE OR REPLACE FUNCTION issuance_issue(
        p_program uuid, p_limit integer, p_expires timestamptz, p_pool uuid, p_actor uuid,
        p_group uuid, p_now timestamptz, p_keys uuid[], p_fingerprints bytea[], p_ids uuid[],
        p_agents uuid[], p_own_budgets uuid[], p_issued uuid[], p_tokens text[], p_amounts bigint[],
        p_currencies text[]
    ) RETURNS TABLE (n bigint, code text, issuance_id uuid, is_new boolean) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE v_has_new boolean; v_are_open boolean; v_budgets uuid[];
        v_open uuid[]; v_open_in text[]; v_available bigint[];
    BEGIN
        -- An agent with an allocation draws on it; the others share the program's pool.
        SELECT array_agg(coalesce(own.id, p_pool) ORDER BY asked.n), bool_or(held.key IS NULL),
            bool_and(issued.id IS NOT NULL)
        INTO v_budgets, v_has_new, v_are_open
        FROM unnest(p_agents, p_keys, p_own_budgets, p_issued) WITH ORDINALITY
            asked (agent_id, key, own_id, issued_id, n)
        LEFT JOIN LATERAL (
            SELECT key FROM ledger_outcome WHERE owner_id = asked.agent_id AND key = asked.key
            OFFSET 0
        ) held ON true
        LEFT JOIN LATERAL (
            SELECT id FROM ledger_account WHERE id = asked.own_id AND version > 0 OFFSET 0
        ) own ON true
        LEFT JOIN LATERAL (
            SELECT id FROM ledger_account WHERE id = asked.issued_id OFFSET 0
        ) issued ON true;

        IF NOT v_are_open THEN
            INSERT INTO ledger_account (id, owner_id, subject_id, kind, currency, bound, opened_at)
            SELECT DISTINCT ON (asked.issued_id)
                asked.issued_id, asked.agent_id, p_program, 'issued', asked.currency,
                'debits_within_credits', p_now
            FROM unnest(p_issued, p_agents, p_currencies) asked (issued_id, agent_id, currency)
            WHERE NOT EXISTS (SELECT FROM ledger_account held WHERE held.id = asked.issued_id)
            ORDER BY asked.issued_id
            ON CONFLICT (id) DO NOTHING;
        END IF;

        IF v_has_new THEN
            -- An account that is opened while this waits is not locked: it does not exist for it.
            -- A WHERE out there would be moved in here, and leave what is issued unlocked.
            SELECT array_agg(id) FILTER (WHERE is_open), array_agg(currency) FILTER (WHERE is_open),
                array_agg(available_minor) FILTER (WHERE is_open)
            INTO v_open, v_open_in, v_available
            FROM (
                SELECT id, currency, credits_posted - debits_posted - debits_pending
                    AS available_minor, kind = 'budget' AND closed_at IS NULL AS is_open
                FROM ledger_account WHERE id = ANY (v_budgets || p_issued)
                ORDER BY id FOR NO KEY UPDATE
            ) locked;
        END IF;

        -- Decide and do in one statement, so that nothing can happen in between.
        RETURN QUERY
        WITH asked AS MATERIALIZED (
            SELECT asked.*, held.code AS held_code, held.result_id,
                held.fingerprint = asked.fingerprint AS is_same
            FROM unnest(
                p_keys, p_fingerprints, p_ids, p_agents, v_budgets, p_issued, p_tokens, p_amounts,
                p_currencies
            ) WITH ORDINALITY asked (
                key, fingerprint, id, agent_id, budget_id, issued_id, token, amount_minor, currency,
                n
            )
            LEFT JOIN LATERAL (
                SELECT * FROM ledger_outcome WHERE owner_id = asked.agent_id AND key = asked.key
                OFFSET 0
            ) held ON true
        ), fresh AS (
            SELECT asked.*, row_number() OVER (PARTITION BY token ORDER BY n) AS nth, ARRAY(
                SELECT slot FROM issuance held
                WHERE held.program_id = p_program AND held.customer_token = asked.token
                AND held.state <> 'voided'
            ) AS taken
            FROM asked WHERE held_code IS NULL
        ), placed AS MATERIALIZED (
            -- What stands beyond the limit counts, too: a promise was kept all the same.
            SELECT fresh.*, CASE
                WHEN nth + cardinality(taken) > p_limit THEN NULL
                WHEN taken = '{}' THEN nth
                ELSE (
                    SELECT slot FROM generate_series(1, p_limit) slot WHERE slot <> ALL (taken)
                    ORDER BY slot OFFSET nth - 1 LIMIT 1
                )
            END AS slot
            FROM fresh
        ), summed AS (
            -- First come, first served: a too large amount does not let a later one pass it.
            SELECT placed.*, array_position(v_open, budget_id) AS budget,
                sum(amount_minor) FILTER (WHERE slot IS NOT NULL)
                OVER (PARTITION BY budget_id ORDER BY n ROWS UNBOUNDED PRECEDING) AS running_minor
            FROM placed
        ), decided AS (
            SELECT summed.*, CASE
                WHEN budget IS NULL THEN 'budget_closed'
                WHEN v_open_in[budget] <> currency THEN 'wrong_currency'
                WHEN slot IS NULL THEN 'customer_limit_reached'
                WHEN running_minor > v_available[budget] THEN 'budget_exhausted'
                ELSE 'issued'
            END AS code
            FROM summed
        ), issued AS (
            INSERT INTO issuance (
                id, agent_id, request_key, program_id, customer_token, slot, budget_id,
                amount_minor, currency, state, issued_at, expires_at
            )
            SELECT id, agent_id, key, p_program, token, slot, budget_id,
                amount_minor, currency, 'issued', p_now, p_expires
            FROM decided WHERE code = 'issued'
            ON CONFLICT (program_id, customer_token, slot) WHERE state <> 'voided' DO NOTHING
            RETURNING id
        ), answered AS (
            SELECT decided.*, CASE WHEN code = 'issued' AND id NOT IN (SELECT id FROM issued)
                THEN 'customer_limit_reached' ELSE code END AS answer
            FROM decided
        ), held AS (
            INSERT INTO ledger_transfer (
                id, owner_id, group_id, position, kind, debit_id, credit_id, currency,
                amount_minor, event, effective_at, recorded_at, actor_id
            )
            SELECT id, agent_id, p_group, n - 1, 'hold', budget_id, issued_id, currency,
                amount_minor, 'benefit.issued', p_now, p_now, p_actor
            FROM answered WHERE answer = 'issued'
        ), told AS (
            INSERT INTO ledger_outcome (owner_id, key, fingerprint, code, result_id, recorded_at)
            SELECT agent_id, key, fingerprint, answer, id, p_now FROM answered
        )
        SELECT n, answer, id, true FROM answered
        UNION ALL
        SELECT n, CASE WHEN is_same THEN held_code ELSE 'id_reused' END, result_id, false
        FROM asked WHERE held_code IS NOT NULL;
    END $$
"""
