"""Redemptions, and benefits that are used, withdrawn and over in parts.

A benefit's row repeats what the ledger says: what was posted and not reversed is used, and what is
left is held by one hold that nothing has settled.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:001020"
VERSION = "1.38.0"
DESCRIPTION = "Redemptions of benefits, whole and in parts."


async def forwards() -> MigrationManager:
    """Make redemptions and let benefits have parts."""
    return sql_migration(ID, "redemptions", DESCRIPTION, [*_REDEMPTION, *_PARTS, *_STATE])


_REDEMPTION = [
    """
    CREATE TABLE redemption (
        id uuid PRIMARY KEY,
        issuance_id uuid NOT NULL REFERENCES issuance (id),
        agent_id uuid NOT NULL,
        kind text COLLATE "C" NOT NULL CHECK (kind IN ('redeem', 'roll_back', 'revoke', 'expire')),
        asked_minor bigint CHECK (asked_minor > 0),
        amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
        of_id uuid REFERENCES redemption (id),
        code text COLLATE "C" NOT NULL,
        transfer_id uuid UNIQUE REFERENCES ledger_transfer (id),
        actor_id uuid NOT NULL,
        reason text,
        recorded_at timestamptz NOT NULL,
        CHECK ((code = 'recorded') = (transfer_id IS NOT NULL)),
        CHECK (of_id IS NULL OR kind = 'roll_back')
    )
    """,
    # A use is taken back once.
    """
    CREATE UNIQUE INDEX redemption_taken_back ON redemption (of_id)
    WHERE of_id IS NOT NULL AND code = 'recorded'
    """,
    "CREATE INDEX redemption_of_issuance ON redemption (issuance_id, recorded_at)",
    *append_only("redemption"),
    *reachable("redemption", select=f"agent_id = {AGENT}"),
    "GRANT SELECT ON redemption TO tonglu_app",
    "GRANT SELECT, INSERT ON redemption TO tonglu_platform",
]

# Under FORCE the owner sees no rows; what is there is filled in this one transaction.
_PARTS = [
    "DROP TRIGGER issuance_follows_ledger ON issuance",
    """
    ALTER TABLE issuance
        ADD COLUMN used_minor bigint NOT NULL DEFAULT 0 CHECK (used_minor >= 0),
        ADD COLUMN released_minor bigint NOT NULL DEFAULT 0 CHECK (released_minor >= 0),
        ADD COLUMN hold_id uuid REFERENCES ledger_transfer (id)
    """,
    "ALTER TABLE issuance NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE issuance SET released_minor = amount_minor WHERE state IN ('voided', 'expired')
    """,
    "UPDATE issuance SET used_minor = amount_minor WHERE state = 'redeemed'",
    "ALTER TABLE issuance FORCE ROW LEVEL SECURITY",
    """
    ALTER TABLE issuance
        ADD CONSTRAINT issuance_parts CHECK (
            (state = 'issued') = (used_minor + released_minor < amount_minor)
        ),
        ADD CONSTRAINT issuance_no_more_than_all CHECK (
            used_minor + released_minor <= amount_minor
        )
    """,
    "GRANT UPDATE (used_minor, released_minor, hold_id) ON issuance TO tonglu_platform",
    """
    CREATE INDEX issuance_lapses ON issuance (expires_at, id)
    WHERE state = 'issued' AND expires_at IS NOT NULL
    """,
]

_STATE = [
    # What stands is what the ledger says: posts that were not reversed, and one open hold.
    """
    CREATE OR REPLACE FUNCTION issuance_ensure_settled() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE v_hold ledger_transfer; v_settled_by text; v_used bigint;
    BEGIN
        IF NEW.state IN ('voided', 'expired') AND NEW.released_minor = OLD.released_minor
            AND NEW.used_minor = OLD.used_minor
        THEN
            -- Code that knows of no parts releases all that is left.
            NEW.released_minor := NEW.amount_minor - NEW.used_minor;
        END IF;
        SELECT * INTO v_hold FROM ledger_transfer WHERE id = coalesce(NEW.hold_id, NEW.id);
        SELECT kind INTO v_settled_by FROM ledger_transfer WHERE pending_id = v_hold.id;
        SELECT coalesce(sum(post.amount_minor), 0) INTO v_used
        FROM redemption use JOIN ledger_transfer post ON post.id = use.transfer_id
        WHERE use.issuance_id = NEW.id AND use.kind = 'redeem' AND post.kind = 'post'
        AND NOT EXISTS (SELECT FROM ledger_transfer red WHERE red.reversal_of = post.id);
        IF NEW.used_minor <> v_used OR v_hold.kind <> 'hold' OR v_hold.debit_id <> NEW.budget_id
            OR (NEW.state = 'issued' AND (
                v_settled_by IS NOT NULL
                OR v_hold.amount_minor <> NEW.amount_minor - NEW.used_minor - NEW.released_minor
            ))
            OR (NEW.state <> 'issued' AND v_settled_by IS NULL)
            OR (NEW.state <> 'issued' AND (NEW.state = 'redeemed') <> (NEW.used_minor > 0))
            OR (NEW.state = 'voided' AND v_settled_by <> 'void')
            OR (NEW.state = 'expired' AND v_settled_by <> 'expire')
        THEN
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
]
