"""Batches of benefits: what an agent asks for many customers, and whether it may be issued."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, reachable
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:001010"
VERSION = "1.38.0"
DESCRIPTION = "Batches of benefits, approved by the hash of their rows."


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(ID, "benefits", DESCRIPTION, [*_BATCH, *_ROW])


_OWN = f"agent_id = {AGENT}"
_BATCH = [
    # What is approved is what is there: rows that change undo the approval, or the change fails.
    """
    CREATE TABLE benefit_batch (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        program_id uuid NOT NULL REFERENCES benefit_program (id),
        asked_hash text COLLATE "C" NOT NULL,
        content_hash text COLLATE "C" NOT NULL,
        rows integer NOT NULL CHECK (rows > 0),
        open_rows integer NOT NULL CHECK (open_rows BETWEEN 0 AND rows),
        amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
        currency text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL CHECK (
            state IN ('submitted', 'approved', 'issuing', 'issued', 'refused')
        ),
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        approved_hash text COLLATE "C",
        decided_by uuid CHECK (decided_by <> made_by),
        decided_at timestamptz,
        reason text,
        finished_at timestamptz,
        CONSTRAINT benefit_batch_is_what_was_approved CHECK (
            state NOT IN ('approved', 'issuing', 'issued')
            OR (approved_hash IS NOT NULL AND approved_hash = content_hash)
        ),
        CHECK ((state = 'issued') = (finished_at IS NOT NULL))
    )
    """,
    "CREATE INDEX benefit_batch_of_agent ON benefit_batch (agent_id, id)",
    *reachable("benefit_batch", select=_OWN, insert=f"{_OWN} AND state = 'submitted'", update=_OWN),
    "GRANT SELECT ON benefit_batch TO tonglu_app, tonglu_platform",
    """
    GRANT INSERT (
        id, agent_id, program_id, asked_hash, content_hash, rows, open_rows, amount_minor, currency,
        state, made_by, made_at
    ) ON benefit_batch TO tonglu_app
    """,
    # Only the platform writes what was approved, and only the agent what it would be.
    """
    GRANT UPDATE (content_hash, open_rows, amount_minor, state, finished_at) ON benefit_batch
    TO tonglu_app
    """,
    """
    GRANT UPDATE (state, approved_hash, decided_by, decided_at, reason) ON benefit_batch
    TO tonglu_platform
    """,
]

_ROW = [
    # The batch is a row of both sides, which a tenant's foreign key does not point to.
    """
    CREATE TABLE benefit_batch_row (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        batch_id uuid NOT NULL,
        place integer NOT NULL,
        given text NOT NULL,
        customer_id uuid,
        code text COLLATE "C",
        decided_at timestamptz,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, batch_id, place),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        CHECK ((code IS NULL) = (decided_at IS NULL)),
        CHECK (customer_id IS NOT NULL OR code IS NOT NULL)
    )
    """,
    """
    CREATE INDEX benefit_batch_row_waiting ON benefit_batch_row (tenant_id, batch_id, place)
    WHERE code IS NULL
    """,
    # A row's outcome is said once.
    """
    CREATE FUNCTION benefit_batch_row_keep_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.code IS NOT NULL AND NEW.code IS DISTINCT FROM OLD.code THEN
            RAISE EXCEPTION 'what came of a row stays'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER benefit_batch_row_keeps_outcome BEFORE UPDATE ON benefit_batch_row
    FOR EACH ROW EXECUTE FUNCTION benefit_batch_row_keep_outcome()
    """,
    *tenant_table("benefit_batch_row", app="SELECT, INSERT"),
    "GRANT UPDATE (customer_id, code, decided_at) ON benefit_batch_row TO tonglu_app",
]
