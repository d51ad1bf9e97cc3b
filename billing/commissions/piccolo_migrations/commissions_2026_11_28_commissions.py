"""Plans, sales with what each agent gets for them, what moved accounts, and what is paid out."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:000610"
VERSION = "1.38.0"
DESCRIPTION = "Commissions of agents, and their payouts."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make the tables; an agent reads its own lines, items and payments, the platform writes."""
    statements = [*_KINDS, *_PLAN, *_SALE, *_LINE, *_ITEM, *_PAYOUT]
    return sql_migration(ID, "commissions", DESCRIPTION, statements)


_KINDS = [
    # Under FORCE the owner adds no rows.
    "ALTER TABLE ledger_account_kind NO FORCE ROW LEVEL SECURITY",
    """
    INSERT INTO ledger_account_kind (kind, owner_is, subject_is, wants) VALUES
        ('commission_cost', NULL, NULL, '{}'),
        ('commission', 'agent', NULL, '{agent}'),
        ('payout', NULL, NULL, '{}'),
        ('bank', NULL, NULL, '{}')
    """,
    "ALTER TABLE ledger_account_kind FORCE ROW LEVEL SECURITY",
]

_PLAN = [
    """
    CREATE TABLE commission_plan_version (
        id uuid PRIMARY KEY,
        plan_id uuid NOT NULL,
        begins_on date NOT NULL,
        terms jsonb NOT NULL,
        published_by uuid NOT NULL,
        published_at timestamptz NOT NULL,
        UNIQUE (plan_id, begins_on)
    )
    """,
    *append_only("commission_plan_version"),
    *reachable("commission_plan_version", select="true"),
    "GRANT SELECT ON commission_plan_version TO tonglu_app",
    "GRANT SELECT, INSERT ON commission_plan_version TO tonglu_platform",
]

_SALE = [
    """
    CREATE TABLE commission_sale (
        id uuid PRIMARY KEY,
        plan_id uuid NOT NULL,
        version_id uuid NOT NULL REFERENCES commission_plan_version (id),
        agent_id uuid NOT NULL,
        contract_id uuid NOT NULL,
        on_day date NOT NULL,
        sold bigint NOT NULL CHECK (sold > 0),
        refunded bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND sold)
    )
    """,
    "CREATE INDEX commission_sale_of_agent ON commission_sale (plan_id, agent_id, on_day)",
    *reachable("commission_sale"),
    "GRANT SELECT, INSERT ON commission_sale TO tonglu_platform",
    "GRANT UPDATE (refunded) ON commission_sale TO tonglu_platform",
    """
    CREATE TABLE commission_refund (
        id uuid PRIMARY KEY,
        sale_id uuid NOT NULL REFERENCES commission_sale (id),
        refunded bigint NOT NULL CHECK (refunded > 0),
        recorded_at timestamptz NOT NULL
    )
    """,
    *append_only("commission_refund"),
    *reachable("commission_refund"),
    "GRANT SELECT, INSERT ON commission_refund TO tonglu_platform",
]

_LINE = [
    """
    CREATE TABLE commission_line (
        id uuid PRIMARY KEY REFERENCES ledger_transfer (id),
        sale_id uuid NOT NULL REFERENCES commission_sale (id),
        agent_id uuid NOT NULL,
        level integer NOT NULL CHECK (level >= 0),
        currency text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        payable_on date NOT NULL,
        state text NOT NULL CHECK (state IN ('held', 'earned', 'cancelled'))
    )
    """,
    "CREATE INDEX commission_line_of_sale ON commission_line (sale_id)",
    "CREATE INDEX commission_line_due ON commission_line (payable_on, id) WHERE state = 'held'",
    # The state is a projection: it says what the hold's settling transfer says.
    """
    CREATE FUNCTION commission_line_ensure_settled() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM ledger_transfer settling WHERE settling.pending_id = NEW.id
            AND (NEW.state, settling.kind) IN (('earned', 'post'), ('cancelled', 'void'))
        ) THEN
            RAISE EXCEPTION 'the ledger does not say that this commission is %', NEW.state
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER commission_line_follows_ledger BEFORE UPDATE ON commission_line
    FOR EACH ROW EXECUTE FUNCTION commission_line_ensure_settled()
    """,
    """
    CREATE TRIGGER commission_line_stays BEFORE DELETE OR TRUNCATE ON commission_line
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
    *reachable("commission_line", select=_OWN),
    "GRANT SELECT ON commission_line TO tonglu_app",
    "GRANT SELECT, INSERT ON commission_line TO tonglu_platform",
    "GRANT UPDATE (state) ON commission_line TO tonglu_platform",
]

_ITEM = [
    """
    CREATE TABLE commission_item (
        id uuid PRIMARY KEY REFERENCES ledger_transfer (id),
        line_id uuid NOT NULL REFERENCES commission_line (id),
        agent_id uuid NOT NULL,
        kind text NOT NULL CHECK (kind IN ('earned', 'clawed_back', 'corrected')),
        currency text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
        recorded_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX commission_item_of_agent ON commission_item (agent_id, id)",
    *append_only("commission_item"),
    *reachable("commission_item", select=_OWN),
    "GRANT SELECT ON commission_item TO tonglu_app",
    "GRANT SELECT, INSERT ON commission_item TO tonglu_platform",
]

_PAYOUT = [
    """
    CREATE TABLE payout_batch (
        id uuid PRIMARY KEY,
        hash bytea NOT NULL CHECK (length(hash) = 32),
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        approved_by uuid CHECK (approved_by <> made_by),
        approved_at timestamptz,
        CHECK ((approved_by IS NULL) = (approved_at IS NULL))
    )
    """,
    *reachable("payout_batch"),
    "GRANT SELECT, INSERT ON payout_batch TO tonglu_platform",
    "GRANT UPDATE (approved_by, approved_at) ON payout_batch TO tonglu_platform",
    """
    CREATE TABLE payout_payment (
        id uuid PRIMARY KEY,
        batch_id uuid NOT NULL REFERENCES payout_batch (id),
        agent_id uuid NOT NULL,
        currency text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        state text NOT NULL CHECK (state IN ('drafted', 'ordered', 'paid', 'failed', 'returned')),
        UNIQUE (batch_id, agent_id, currency)
    )
    """,
    *reachable("payout_payment", select=_OWN),
    "GRANT SELECT ON payout_payment TO tonglu_app",
    "GRANT SELECT, INSERT ON payout_payment TO tonglu_platform",
    "GRANT UPDATE (state) ON payout_payment TO tonglu_platform",
    """
    CREATE TABLE payout_item (
        payment_id uuid NOT NULL REFERENCES payout_payment (id),
        item_id uuid NOT NULL REFERENCES commission_item (id),
        is_live boolean NOT NULL,
        PRIMARY KEY (payment_id, item_id)
    )
    """,
    # An item is in one live payment, whatever the race.
    "CREATE UNIQUE INDEX payout_item_once ON payout_item (item_id) WHERE is_live",
    *reachable("payout_item"),
    "GRANT SELECT, INSERT ON payout_item TO tonglu_platform",
    "GRANT UPDATE (is_live) ON payout_item TO tonglu_platform",
]
