"""Units that devices hold: each is a hold on its agent's allocation, and becomes one benefit."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, reachable, sql_migration

ID = "2026-11-29T00:00:00:004000"
VERSION = "1.38.0"
DESCRIPTION = "Units of allocations that devices hold."


async def forwards() -> MigrationManager:
    """Make units."""
    return sql_migration(ID, "escrow", DESCRIPTION, [*_UNIT, *_STATE])


_UNIT = [
    """
    CREATE TABLE escrow_unit (
        id uuid PRIMARY KEY REFERENCES ledger_transfer (id),
        agent_id uuid NOT NULL,
        program_id uuid NOT NULL,
        person_id uuid NOT NULL,
        device_id uuid NOT NULL,
        budget_id uuid NOT NULL REFERENCES ledger_account (id),
        amount_minor bigint NOT NULL CHECK (amount_minor > 0),
        currency text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL
            CHECK (state IN ('held', 'promised', 'given_back', 'released')),
        leased_at timestamptz NOT NULL,
        until timestamptz NOT NULL,
        recalled_at timestamptz,
        settled_at timestamptz,
        CHECK ((state = 'held') = (settled_at IS NULL))
    )
    """,
    """
    CREATE INDEX escrow_unit_held ON escrow_unit (agent_id, person_id, program_id)
    WHERE state = 'held'
    """,
    """
    CREATE INDEX escrow_unit_to_release ON escrow_unit (until, id)
    WHERE state IN ('held', 'given_back')
    """,
    *reachable(
        "escrow_unit",
        select=f"agent_id = {AGENT}",
        insert=f"agent_id = {AGENT} AND state = 'held'",
        update=f"agent_id = {AGENT}",
    ),
    "GRANT SELECT, INSERT ON escrow_unit TO tonglu_app",
    "GRANT UPDATE (state, until, recalled_at, settled_at) ON escrow_unit TO tonglu_app",
    "GRANT SELECT, UPDATE (state, settled_at) ON escrow_unit TO tonglu_platform",
]

_STATE = [
    # A unit is given away once: as the benefit that has its id, or by a release of its hold.
    """
    CREATE FUNCTION escrow_ensure_once() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE v_may boolean;
    BEGIN
        IF NEW.state = 'promised' THEN
            v_may := OLD.state = 'held' AND EXISTS (SELECT FROM issuance WHERE id = NEW.id);
        ELSIF NEW.state = 'released' THEN
            -- Only who settles holds can read that one is settled.
            v_may := OLD.state IN ('held', 'given_back')
                AND EXISTS (SELECT FROM ledger_transfer WHERE pending_id = NEW.id);
        ELSE
            v_may := OLD.state = 'held';
        END IF;
        IF NOT v_may THEN
            RAISE EXCEPTION 'a unit that is % cannot become %', OLD.state, NEW.state
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER escrow_unit_once BEFORE UPDATE ON escrow_unit
    FOR EACH ROW EXECUTE FUNCTION escrow_ensure_once()
    """,
    """
    CREATE TRIGGER escrow_unit_stays BEFORE DELETE OR TRUNCATE ON escrow_unit
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
    """,
]
