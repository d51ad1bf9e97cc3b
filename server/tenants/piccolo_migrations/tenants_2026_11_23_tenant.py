"""Tenants and teams."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Agent companies and their teams."


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(
        ID,
        "tenants",
        DESCRIPTION,
        [
            """
            CREATE TABLE tenant (
                tenant_id uuid PRIMARY KEY,
                name text NOT NULL,
                short_name text NOT NULL,
                city text NOT NULL,
                created_at timestamptz NOT NULL,
                lease_hours integer NOT NULL DEFAULT 72 CHECK (lease_hours BETWEEN 1 AND 720)
            )
            """,
            *tenant_table("tenant", app="SELECT, INSERT, UPDATE"),
            """
            CREATE TABLE team (
                tenant_id uuid NOT NULL REFERENCES tenant (tenant_id),
                id uuid NOT NULL,
                name text NOT NULL,
                created_at timestamptz NOT NULL,
                PRIMARY KEY (tenant_id, id),
                UNIQUE (tenant_id, name)
            )
            """,
            *tenant_table("team", app="SELECT, INSERT, UPDATE"),
        ],
    )
