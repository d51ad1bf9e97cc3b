"""A break is put right by transfers of its own agent."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:012600"
VERSION = "1.38.0"
DESCRIPTION = "Transfers that put a break right move an account of its agent."


async def forwards() -> MigrationManager:
    """Ask for more than that the books have them."""
    statements = [
        """
        CREATE OR REPLACE FUNCTION recon_exception_ensure_once() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.outcome IS NOT NULL OR NEW.outcome IS NULL THEN
                RAISE EXCEPTION 'what came of an exception is said once'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            IF NEW.group_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM ledger_transfer transfer
                JOIN ledger_account account
                ON account.id IN (transfer.debit_id, transfer.credit_id)
                WHERE transfer.group_id = NEW.group_id AND account.owner_id = NEW.agent_id
            ) THEN
                RAISE EXCEPTION 'the books have no such transfers of this agent'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$
        """
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
