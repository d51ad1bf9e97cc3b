"""What holds a benefit is looked up by its key."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004620"
VERSION = "1.38.0"
DESCRIPTION = "Benefits look up by key what holds them."


async def forwards() -> MigrationManager:
    """Name the hold before it is looked for, as `ledger_follow` does its target."""
    return sql_migration(ID, "redemptions", DESCRIPTION, [_STATE])


# What stands is what the ledger says: posts that were not reversed, and one open hold.
_STATE = """
    CREATE OR REPLACE FUNCTION issuance_ensure_settled() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE v_hold_id uuid := coalesce(NEW.hold_id, NEW.id); v_hold ledger_transfer;
        v_settled_by text; v_used bigint;
    BEGIN
        IF NEW.state IN ('voided', 'expired') AND NEW.released_minor = OLD.released_minor
            AND NEW.used_minor = OLD.used_minor
        THEN
            -- Code that knows of no parts releases all that is left.
            NEW.released_minor := NEW.amount_minor - NEW.used_minor;
        END IF;
        SELECT * INTO v_hold FROM ledger_transfer WHERE id = v_hold_id;
        SELECT kind INTO v_settled_by FROM ledger_transfer WHERE pending_id = v_hold_id;
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
"""
