"""Where agents may work, exclusively or beside others, and since when."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000120"
VERSION = "1.38.0"
DESCRIPTION = "Dated territories of agents."


async def forwards() -> MigrationManager:
    """Make the table: the platform writes it, and every agent may read where who is alone."""
    return sql_migration(
        ID,
        "partners",
        DESCRIPTION,
        [
            """
            CREATE TABLE territory (
                id uuid PRIMARY KEY,
                agent_id uuid NOT NULL REFERENCES agent (tenant_id),
                city text NOT NULL,
                district text,
                is_exclusive boolean NOT NULL,
                valid_from date NOT NULL,
                valid_until date,
                granted_by uuid NOT NULL,
                granted_at timestamptz NOT NULL,
                CHECK (valid_until >= valid_from)
            )
            """,
            "CREATE INDEX territory_city ON territory (city)",
            "GRANT SELECT, INSERT ON territory TO tonglu_platform",
            "GRANT UPDATE (valid_until) ON territory TO tonglu_platform",
            "GRANT SELECT ON territory TO tonglu_app",
        ],
    )
