"""Issuances, and the one statement that makes many of them within every budget and limit."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, reachable, sql_migration

ID = "2026-11-23T00:00:00:000103"
VERSION = "1.38.0"
DESCRIPTION = "Benefits issued to customers."


async def forwards() -> MigrationManager:
    """Make issuances."""
    return sql_migration(ID, "issuance", DESCRIPTION, [*_ISSUANCE, *_STATE, *_ISSUING])


_ISSUANCE = [
    """
    CREATE TABLE issuance (
        id uuid PRIMARY KEY REFERENCES ledger_transfer (id),
        agent_id uuid NOT NULL,
        request_key uuid NOT NULL,
        program_id uuid NOT NULL,
        customer_token text COLLATE "C" NOT NULL,
        slot integer NOT NULL CHECK (slot >= 1),
        budget_id uuid NOT NULL REFERENCES ledger_account (id),
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        currency text COLLATE "C" NOT NULL,
        state text NOT NULL CHECK (state IN ('issued', 'redeemed', 'voided', 'expired')),
        issued_at timestamptz NOT NULL,
        expires_at timestamptz,
        settled_at timestamptz,
        UNIQUE (agent_id, request_key),
        CHECK ((state = 'issued') = (settled_at IS NULL))
    )
    """,
    # The limit for a customer, whatever the race; a voided benefit gives its place back.
    """
    CREATE UNIQUE INDEX issuance_limit ON issuance (program_id, customer_token, slot)
    WHERE state <> 'voided'
    """,
    "CREATE INDEX issuance_of_agent ON issuance (agent_id, id)",
    "CREATE INDEX issuance_of_program ON issuance (program_id, id)",
    *reachable(
        "issuance",
        select=f"agent_id = {AGENT}",
        insert=f"agent_id = {AGENT} AND state = 'issued'",
    ),
    "GRANT SELECT, INSERT ON issuance TO tonglu_app",
    "GRANT SELECT ON issuance TO tonglu_platform",
    "GRANT UPDATE (state, settled_at) ON issuance TO tonglu_platform",
]

_STATE = [
    # The state is a projection: it says what a settling transfer says, and nothing else.
    """
    CREATE FUNCTION issuance_ensure_settled() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM ledger_transfer settling
            WHERE settling.pending_id = NEW.id AND settling.recorded_at = NEW.settled_at
            AND (NEW.state, settling.kind) IN (
                ('redeemed', 'post'), ('voided', 'void'), ('expired', 'expire')
            )
        ) THEN
            RAISE EXCEPTION 'the ledger does not say that this benefit is %', NEW.state
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER issuance_follows_ledger BEFORE UPDATE ON issuance
    FOR EACH ROW EXECUTE FUNCTION issuance_ensure_settled()
    """,
    """
    CREATE TRIGGER issuance_stays BEFORE DELETE OR TRUNCATE ON issuance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
]

_ISSUING = [
    """
    CREATE FUNCTION issuance_issue(
        p_program uuid, p_limit integer, p_expires timestamptz, p_pool uuid, p_actor uuid,
        p_group uuid, p_now timestamptz, p_keys uuid[], p_fingerprints bytea[], p_ids uuid[],
        p_agents uuid[], p_own_budgets uuid[], p_issued uuid[], p_tokens text[], p_amounts bigint[],
        p_currencies text[]
    ) RETURNS TABLE (n bigint, code text, issuance_id uuid, is_new boolean) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE v_budgets uuid[]; v_has_new boolean; v_locked uuid[]; v_fresh bigint[];
    BEGIN
        SELECT EXISTS (
            SELECT FROM unnest(p_agents, p_keys) asked (agent_id, key) WHERE NOT EXISTS (
                SELECT FROM ledger_outcome held
                WHERE held.owner_id = asked.agent_id AND held.key = asked.key
            )
        ) INTO v_has_new;
        IF v_has_new THEN
            INSERT INTO ledger_account (id, owner_id, subject_id, kind, currency, bound, opened_at)
            SELECT DISTINCT ON (asked.issued_id)
                asked.issued_id, asked.agent_id, p_program, 'issued', asked.currency,
                'debits_within_credits', p_now
            FROM unnest(p_issued, p_agents, p_currencies) asked (issued_id, agent_id, currency)
            WHERE NOT EXISTS (SELECT FROM ledger_account held WHERE held.id = asked.issued_id)
            ORDER BY asked.issued_id
            ON CONFLICT (id) DO NOTHING;

            -- An agent with an allocation draws on it; the others share the program's pool.
            SELECT array_agg(coalesce(account.id, p_pool) ORDER BY asked.n) INTO v_budgets
            FROM unnest(p_own_budgets) WITH ORDINALITY asked (own_id, n)
            LEFT JOIN ledger_account account
            ON account.id = asked.own_id AND account.version > 0;

            -- An account that is opened while this waits is not locked: it does not exist for it.
            SELECT array_agg(id) INTO v_locked FROM (
                SELECT id FROM ledger_account WHERE id = ANY (v_budgets || p_issued)
                ORDER BY id FOR NO KEY UPDATE
            ) locked;

            -- Decide and do in one statement, so that nothing can happen in between.
            WITH asked AS (
                SELECT * FROM unnest(
                    p_keys, p_fingerprints, p_ids, p_agents, v_budgets, p_issued, p_tokens,
                    p_amounts, p_currencies
                ) WITH ORDINALITY asked (
                    key, fingerprint, id, agent_id, budget_id, issued_id, token, amount_minor,
                    currency, n
                )
            ), fresh AS (
                SELECT asked.*, row_number() OVER (PARTITION BY asked.token ORDER BY asked.n) AS nth
                FROM asked WHERE NOT EXISTS (
                    SELECT FROM ledger_outcome held
                    WHERE held.owner_id = asked.agent_id AND held.key = asked.key
                )
            ), placed AS (
                SELECT fresh.*, (ARRAY(
                    SELECT slot FROM generate_series(1, p_limit) slot WHERE NOT EXISTS (
                        SELECT FROM issuance held WHERE held.program_id = p_program
                        AND held.customer_token = fresh.token AND held.slot = slot.slot
                        AND held.state <> 'voided'
                    ) ORDER BY slot
                ))[fresh.nth] AS slot
                FROM fresh
            ), summed AS (
                -- First come, first served: a too large amount does not let a later one pass it.
                SELECT placed.*, sum(placed.amount_minor) FILTER (WHERE placed.slot IS NOT NULL)
                    OVER (PARTITION BY placed.budget_id ORDER BY placed.n) AS running_minor
                FROM placed
            ), decided AS (
                SELECT summed.*, CASE
                    WHEN budget.id IS NULL OR budget.closed_at IS NOT NULL THEN 'budget_closed'
                    WHEN budget.currency <> summed.currency THEN 'wrong_currency'
                    WHEN summed.slot IS NULL THEN 'customer_limit_reached'
                    WHEN summed.running_minor
                        > budget.credits_posted - budget.debits_posted - budget.debits_pending
                    THEN 'budget_exhausted'
                    ELSE 'issued'
                END AS code
                FROM summed LEFT JOIN ledger_account budget
                ON budget.id = summed.budget_id AND budget.id = ANY (v_locked)
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
            ), held AS (
                INSERT INTO ledger_transfer (
                    id, owner_id, group_id, position, kind, debit_id, credit_id, currency,
                    amount_minor, event, effective_at, recorded_at, actor_id
                )
                SELECT decided.id, agent_id, p_group, n - 1, 'hold', budget_id, issued_id, currency,
                    amount_minor, 'benefit.issued', p_now, p_now, p_actor
                FROM decided JOIN issued ON issued.id = decided.id
            ), told AS (
                INSERT INTO ledger_outcome (
                    owner_id, key, fingerprint, code, result_id, recorded_at
                )
                SELECT agent_id, key, fingerprint,
                    CASE WHEN code = 'issued' AND issued.id IS NULL THEN 'customer_limit_reached'
                         ELSE code END,
                    decided.id, p_now
                FROM decided LEFT JOIN issued ON issued.id = decided.id
            )
            SELECT array_agg(decided.n) INTO v_fresh FROM decided;
        END IF;

        RETURN QUERY
        SELECT asked.n,
            CASE WHEN held.fingerprint = asked.fingerprint THEN held.code ELSE 'id_reused' END,
            held.result_id,
            asked.n = ANY (coalesce(v_fresh, '{}'))
        FROM unnest(p_keys, p_agents, p_fingerprints) WITH ORDINALITY
            asked (key, agent_id, fingerprint, n)
        JOIN ledger_outcome held ON held.owner_id = asked.agent_id AND held.key = asked.key
        ORDER BY asked.n;
    END $$
    """,
    "REVOKE EXECUTE ON FUNCTION issuance_issue FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION issuance_issue TO tonglu_app",
]
