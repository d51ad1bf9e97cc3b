"""Contracts, what was done with them, and the money that came in."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000081"
VERSION = "1.38.0"
DESCRIPTION = "Contracts with payment plans."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    return sql_migration(ID, "contracts", DESCRIPTION, [*_CONTRACT, *_EVENT, *_RECEIPT])


_CONTRACT = [
    f"""
    CREATE TABLE contract (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        opportunity_id uuid,
        quote_id uuid,
        renews_id uuid,
        title text NOT NULL,
        number text COLLATE "C",
        party_a text,
        party_b text,
        currency text COLLATE "C" NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
        plan text,
        effective_on text COLLATE "C",
        ends_on text COLLATE "C",
        account_manager_id uuid,
        remark text,
        state text COLLATE "C" NOT NULL,
        state_since timestamptz NOT NULL,
        signed_on text COLLATE "C",
        closed_on text COLLATE "C",
        lines text,
        received jsonb,
        received_minor bigint NOT NULL CHECK (received_minor BETWEEN 0 AND amount_minor),
        approved_hash text COLLATE "C",
        edited_by uuid NOT NULL,
        submitted_by uuid,
        decided_by uuid,
        decision text,
        next_due_on text COLLATE "C" NOT NULL,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        CHECK (ends_on >= effective_on),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, opportunity_id) REFERENCES opportunity (tenant_id, id),
        FOREIGN KEY (tenant_id, quote_id) REFERENCES quote (tenant_id, id),
        FOREIGN KEY (tenant_id, renews_id) REFERENCES contract (tenant_id, id)
    )
    """,
    *sync_indexes("contract"),
    "CREATE INDEX contract_customer ON contract (tenant_id, customer_id, id)",
    "CREATE INDEX contract_opportunity ON contract (tenant_id, opportunity_id, id)",
    "CREATE INDEX contract_quote ON contract (tenant_id, quote_id, id)",
    "CREATE INDEX contract_renews ON contract (tenant_id, renews_id, id)",
    "CREATE INDEX contract_number ON contract (tenant_id, number) WHERE NOT deleted",
    "CREATE INDEX contract_state ON contract (tenant_id, state, ends_on, id) WHERE NOT deleted",
    """
    CREATE INDEX contract_due ON contract (tenant_id, next_due_on, id)
    WHERE next_due_on <> '' AND NOT deleted
    """,
    *tenant_table("contract"),
]
_EVENT = [
    """
    CREATE TABLE contract_event (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        contract_id uuid NOT NULL,
        seq bigint NOT NULL,
        verb text COLLATE "C" NOT NULL,
        from_state text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        content_hash text COLLATE "C" NOT NULL,
        remark text,
        done_by uuid NOT NULL,
        done_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX contract_event_of ON contract_event (tenant_id, contract_id, seq)",
    *tenant_table("contract_event", app="SELECT, INSERT"),
]
_RECEIPT = [
    """
    CREATE TABLE contract_receipt (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        contract_id uuid NOT NULL,
        instalment_id uuid,
        seq bigint NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
        received_on text COLLATE "C" NOT NULL,
        remark text,
        noted_by uuid NOT NULL,
        noted_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    "CREATE INDEX contract_receipt_of ON contract_receipt (tenant_id, contract_id, seq)",
    *tenant_table("contract_receipt", app="SELECT, INSERT"),
]
