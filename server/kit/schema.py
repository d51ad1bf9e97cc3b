"""What migrations say.

SQL statements as a Piccolo migration, and the protection of a tenant's table.
"""

from collections.abc import Sequence

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.db import ENGINE

POLICY = "tenant_id = (SELECT current_setting('app.tenant_id')::uuid)"
"""The one policy of every tenant table: an unset or empty tenant is an error, never an empty
answer."""


def or_else(column: str, value: int | str) -> str:
    """Write a column, or a value where it is null, as an index can be asked for it.

    Under row-level security PostgreSQL looks into an index only by what it knows to give nothing
    away. It does not know that of COALESCE, and read all that lies before a page's beginning.

    :param value: a number, or a constant as SQL.
    """
    return f"CASE WHEN {column} IS NULL THEN {value} ELSE {column} END"


def sql_migration(
    migration_id: str, app_name: str, description: str, statements: Sequence[str]
) -> MigrationManager:
    """Make a migration that runs the statements in order, in one transaction."""
    manager = MigrationManager(
        migration_id=migration_id, app_name=app_name, description=description
    )

    async def run() -> None:
        for statement in statements:
            await ENGINE.run_ddl(statement)

    manager.add_raw(run)
    return manager


def tenant_table(
    table: str,
    *,
    app: str = "SELECT, INSERT, UPDATE, DELETE",
    others: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """Protect a tenant's table: forced row-level security, its one policy, its grants.

    :param app: what tonglu_app may do; leave out UPDATE and DELETE for append-only tables.
    :param others: further (role, privileges), each under the same policy.
    """
    roles = ", ".join(["tonglu_app", *(role for role, _ in others)])
    grants = [("tonglu_app", app), *others]
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} TO {roles} USING ({POLICY}) WITH CHECK ({POLICY})",
        *(f"GRANT {privileges} ON {table} TO {role}" for role, privileges in grants),
    ]
