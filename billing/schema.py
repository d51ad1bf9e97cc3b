"""How the rooms of billing say their migrations: SQL statements, run in order by the owner."""

from collections.abc import Sequence
from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine.finder import engine_finder

AGENT: Final = "(SELECT current_setting('app.tenant_id')::uuid)"
"""The owner whose rows an agent's transaction reaches; an unset one is an error."""


def sql_migration(
    migration_id: str, app_name: str, description: str, statements: Sequence[str]
) -> MigrationManager:
    """Make a migration that runs the statements in order, in one transaction."""
    manager = MigrationManager(
        migration_id=migration_id, app_name=app_name, description=description
    )

    async def run() -> None:
        engine = engine_finder()
        assert engine is not None, "Piccolo knows its engine"
        for statement in statements:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager


def append_only(table: str) -> list[str]:
    """Make UPDATE, DELETE and TRUNCATE of a table fail for everybody, its owner included."""
    return [
        f"""
        CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()
        """
    ]


def reachable(table: str, **agent: str) -> list[str]:
    """Force row-level security with one policy a role and command; the platform reaches all rows.

    :param agent: command -> the rows that an agent's transaction reaches.
    """
    # Asked once a statement: of each row it would be guessed to hide nearly all of them.
    is_platform = "(SELECT current_user = 'tonglu_platform')"
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"""
        CREATE POLICY {table}_platform ON {table} TO tonglu_platform
        USING ({is_platform}) WITH CHECK ({is_platform})
        """,
        *(
            f"""
            CREATE POLICY {table}_agent_{command} ON {table} FOR {command.upper()} TO tonglu_app
            {"WITH CHECK" if command == "insert" else "USING"} ({rule})
            """
            for command, rule in agent.items()
        ),
    ]
