"""The budget tree. Amounts stand on the ledger's accounts alone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import reachable, sql_migration

ID = "2026-11-23T00:00:00:000102"
VERSION = "1.38.0"
DESCRIPTION = "Budgets of programs and agents."


async def forwards() -> MigrationManager:
    """Make the tree, which only the platform reaches."""
    return sql_migration(ID, "budgets", DESCRIPTION, _BUDGET)


_BUDGET = [
    """
    CREATE TABLE budget (
        id uuid PRIMARY KEY REFERENCES ledger_account (id),
        parent_id uuid REFERENCES budget (id),
        program_id uuid NOT NULL,
        owner_id uuid NOT NULL,
        scope text NOT NULL CHECK (scope IN ('program', 'agent')),
        currency text COLLATE "C" NOT NULL,
        opened_at timestamptz NOT NULL,
        CHECK ((scope = 'program') = (parent_id IS NULL))
    )
    """,
    "CREATE INDEX budget_of_program ON budget (program_id, owner_id)",
    *reachable("budget"),
    "GRANT SELECT, INSERT ON budget TO tonglu_platform",
]
