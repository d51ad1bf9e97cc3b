"""Leads, where they come from, what they cost, and who is to have them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Leads, sources, campaigns, costs and forms."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    statements = [*_SOURCES, *_LEAD, *_RAW, *_HISTORY, *_TERMS, *_MONEY, *_FORMS]
    return sql_migration(ID, "leads", DESCRIPTION, statements)


_SOURCES = [
    f"""
    CREATE TABLE lead_source (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        parent_id uuid,
        channel text COLLATE "C" NOT NULL,
        cost_key text COLLATE "C" NOT NULL,
        partner text,
        state text COLLATE "C" NOT NULL CHECK (state IN ('active', 'retired')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, parent_id) REFERENCES lead_source (tenant_id, id)
    )
    """,
    *sync_indexes("lead_source"),
    "CREATE UNIQUE INDEX lead_source_cost_key ON lead_source (tenant_id, cost_key)",
    *tenant_table("lead_source"),
    f"""
    CREATE TABLE campaign (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        source_id uuid NOT NULL,
        starts_on text COLLATE "C" NOT NULL,
        ends_on text COLLATE "C" NOT NULL CHECK (ends_on >= starts_on),
        area text,
        audience text,
        budget_minor bigint NOT NULL CHECK (budget_minor >= 0),
        planned_leads bigint,
        planned_signed bigint,
        state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'reviewed', 'cancelled')),
        review text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, source_id) REFERENCES lead_source (tenant_id, id)
    )
    """,
    *sync_indexes("campaign"),
    "CREATE INDEX campaign_source ON campaign (tenant_id, source_id, ends_on)",
    *tenant_table("campaign"),
]
_LEAD = [
    f"""
    CREATE TABLE lead (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        source_id uuid,
        campaign_id uuid,
        need text,
        assignee_id uuid,
        routed_at timestamptz,
        accept_by timestamptz,
        state text COLLATE "C" CHECK (state IN ('offered', 'accepted', 'returned', 'overdue')),
        return_reason text COLLATE "C",
        decided_at timestamptz,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
    )
    """,
    *sync_indexes("lead"),
    "CREATE INDEX lead_customer ON lead (tenant_id, customer_id, id)",
    *tenant_table("lead"),
]
_RAW = [
    """
    CREATE TABLE raw_lead (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        fingerprint bytea NOT NULL,
        path text COLLATE "C" NOT NULL CHECK (path IN ('form', 'api', 'import', 'public_form')),
        name text NOT NULL,
        name_pinyin text COLLATE "C" NOT NULL,
        contact_name text NOT NULL,
        phone text COLLATE "C",
        phone_given text NOT NULL,
        uscc text COLLATE "C",
        city text COLLATE "C",
        district text COLLATE "C",
        industry text COLLATE "C",
        need text,
        amount_minor bigint,
        source_id uuid,
        campaign_id uuid,
        cost_key text COLLATE "C" NOT NULL,
        tags jsonb NOT NULL,
        rules_version bigint NOT NULL,
        state text COLLATE "C" NOT NULL
            CHECK (state IN ('suspect', 'discarded', 'ready', 'offered', 'accepted')),
        verdict text COLLATE "C" NOT NULL,
        verdict_values jsonb NOT NULL,
        received_at timestamptz NOT NULL,
        received_by uuid,
        consented_at timestamptz,
        updated_at timestamptz NOT NULL,
        customer_id uuid,
        assignee_id uuid,
        routed_at timestamptz,
        accept_by timestamptz,
        route_count integer NOT NULL DEFAULT 0,
        return_count integer NOT NULL DEFAULT 0,
        pre_opportunity_at timestamptz,
        opportunity_at timestamptz,
        signed_at timestamptz,
        signed_minor bigint,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, source_id) REFERENCES lead_source (tenant_id, id),
        FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        CHECK ((state = 'offered') = (accept_by IS NOT NULL)),
        CHECK (pre_opportunity_at >= received_at),
        CHECK (opportunity_at >= pre_opportunity_at),
        CHECK (signed_at >= opportunity_at)
    )
    """,
    "CREATE INDEX raw_lead_queue ON raw_lead (tenant_id, state, received_at DESC, id DESC)",
    """
    CREATE INDEX raw_lead_list ON raw_lead (
        tenant_id, state, city, (coalesce(amount_minor, -1)) DESC, id
    )
    """,
    "CREATE INDEX raw_lead_phone ON raw_lead (tenant_id, phone) WHERE phone IS NOT NULL",
    "CREATE INDEX raw_lead_uscc ON raw_lead (tenant_id, uscc) WHERE uscc IS NOT NULL",
    """
    CREATE INDEX raw_lead_assignee ON raw_lead (tenant_id, assignee_id, state, routed_at)
    WHERE assignee_id IS NOT NULL
    """,
    """
    CREATE INDEX raw_lead_customer ON raw_lead (tenant_id, customer_id)
    WHERE customer_id IS NOT NULL
    """,
    "CREATE INDEX raw_lead_cohort ON raw_lead (tenant_id, received_at, source_id)",
    *tenant_table("raw_lead", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE lead_token (
        tenant_id uuid NOT NULL,
        token text COLLATE "C" NOT NULL,
        lead_id uuid NOT NULL,
        before text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant_id, token, lead_id)
    )
    """,
    *tenant_table("lead_token", app="SELECT, INSERT, DELETE"),
]
_HISTORY = [
    """
    CREATE TABLE lead_event (
        tenant_id uuid NOT NULL,
        lead_id uuid NOT NULL,
        number bigint NOT NULL,
        at timestamptz NOT NULL,
        actor_id uuid,
        kind text COLLATE "C" NOT NULL,
        detail jsonb NOT NULL,
        PRIMARY KEY (tenant_id, lead_id, number),
        FOREIGN KEY (tenant_id, lead_id) REFERENCES raw_lead (tenant_id, id)
    )
    """,
    *tenant_table("lead_event", app="SELECT, INSERT"),
    """
    CREATE TABLE lead_call (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        phone text COLLATE "C" NOT NULL,
        lead_id uuid NOT NULL,
        user_id uuid NOT NULL,
        called_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, lead_id) REFERENCES raw_lead (tenant_id, id)
    )
    """,
    "CREATE INDEX lead_call_of_phone ON lead_call (tenant_id, phone, called_at)",
    *tenant_table("lead_call", app="SELECT, INSERT"),
]
_TERMS = [
    """
    CREATE TABLE lead_rules (
        tenant_id uuid NOT NULL,
        version bigint NOT NULL CHECK (version > 0),
        rules jsonb NOT NULL,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, version)
    )
    """,
    *tenant_table("lead_rules", app="SELECT, INSERT"),
    "CREATE TABLE lead_terms (tenant_id uuid PRIMARY KEY, terms jsonb NOT NULL)",
    *tenant_table("lead_terms", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE lead_territory (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        holder_id uuid NOT NULL,
        city text COLLATE "C" NOT NULL,
        district text COLLATE "C",
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *tenant_table("lead_territory", app="SELECT, INSERT, DELETE"),
]
_MONEY = [
    """
    CREATE TABLE lead_cost (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        source_id uuid NOT NULL,
        campaign_id uuid,
        amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
        spent_on date NOT NULL,
        note text NOT NULL,
        entered_by uuid NOT NULL,
        entered_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, source_id) REFERENCES lead_source (tenant_id, id),
        FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign (tenant_id, id)
    )
    """,
    "CREATE INDEX lead_cost_of_campaign ON lead_cost (tenant_id, campaign_id, id)",
    "CREATE INDEX lead_cost_by_day ON lead_cost (tenant_id, spent_on, source_id)",
    *tenant_table("lead_cost", app="SELECT, INSERT"),
]
_FORMS = [
    """
    CREATE TABLE lead_form (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        campaign_id uuid NOT NULL,
        token text COLLATE "C" NOT NULL,
        title text NOT NULL,
        made_at timestamptz NOT NULL,
        closed_at timestamptz,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign (tenant_id, id)
    )
    """,
    "CREATE INDEX lead_form_of_campaign ON lead_form (tenant_id, campaign_id)",
    *tenant_table("lead_form", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE lead_form_address (
        token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
        tenant_id uuid NOT NULL,
        form_id uuid NOT NULL
    )
    """,
    "GRANT SELECT, INSERT ON lead_form_address TO tonglu_app",
]
