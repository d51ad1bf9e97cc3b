"""What a movement settles or undoes is looked up by its key when it is written, too."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004610"
VERSION = "1.38.0"
DESCRIPTION = "Movements look up by key what they follow."


async def forwards() -> MigrationManager:
    """Name the target before it is looked for.

    PostgreSQL does not know of coalesce that it leaks nothing, and lets no condition that may leak
    reach an index under row-level security: each row read all transfers.
    """
    return sql_migration(ID, "ledger", DESCRIPTION, [_FOLLOW])


# What settles a hold or undoes a transfer has its accounts and currency, at most its amount.
_FOLLOW = """
    CREATE OR REPLACE FUNCTION ledger_follow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE target ledger_transfer; v_target uuid := coalesce(NEW.pending_id, NEW.reversal_of);
    BEGIN
        SELECT * INTO target FROM ledger_transfer WHERE id = v_target;
        IF target.id IS NULL
            OR (target.debit_id, target.credit_id, target.currency)
                <> (NEW.debit_id, NEW.credit_id, NEW.currency)
            OR (NEW.kind = 'reversal') <> (target.kind IN ('single', 'post'))
            OR (NEW.kind <> 'reversal') <> (target.kind = 'hold')
            OR NEW.amount_minor > target.amount_minor
            OR (NEW.amount_minor < target.amount_minor AND NEW.kind <> 'post')
        THEN
            RAISE EXCEPTION 'a % does not fit the transfer that it follows', NEW.kind
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.kind <> 'reversal' THEN
            NEW.released_minor := target.amount_minor;
        END IF;
        RETURN NEW;
    END $$
"""
