"""The platform issues for many callers at once; budgets are looked up in sets."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-28T00:00:00:002400"
VERSION = "1.38.0"
DESCRIPTION = "Issuing for many callers at once."


async def forwards() -> MigrationManager:
    """Let the platform's role issue, and ask once a statement whether the budgets are there."""
    return sql_migration(ID, "issuance", DESCRIPTION, [*_GRANTS, *_BUDGETS])


_GRANTS = [
    "GRANT INSERT ON issuance TO tonglu_platform",
    "GRANT EXECUTE ON FUNCTION issuance_issue TO tonglu_platform",
]

_BUDGETS = [
    "ALTER TABLE issuance DROP CONSTRAINT issuance_budget_id_fkey",
    """
    CREATE FUNCTION issuance_ensure_budgets() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added WHERE NOT EXISTS (
                SELECT FROM ledger_account budget WHERE budget.id = added.budget_id
            )
        ) THEN
            RAISE EXCEPTION 'a budget is missing, or not yours'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER issuance_has_budget AFTER INSERT ON issuance
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION issuance_ensure_budgets()
    """,
]
