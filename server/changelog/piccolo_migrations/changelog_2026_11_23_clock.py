"""The tenant's clock, the history, scope exits and conflicts."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "The one write path for synced records."


async def forwards() -> MigrationManager:
    """Make the changelog's own tables."""
    return sql_migration(ID, "changelog", DESCRIPTION, [*_CLOCK, *_HISTORY, *_EXITS, *_CONFLICTS])


_CLOCK = [
    """
    CREATE TABLE tenant_clock (
        tenant_id uuid PRIMARY KEY,
        seq bigint NOT NULL,
        epoch bigint NOT NULL,
        min_seq bigint NOT NULL,
        handles bigint NOT NULL
    ) WITH (fillfactor = 50)
    """,
    *tenant_table("tenant_clock", app="SELECT, INSERT, UPDATE"),
]
_HISTORY = [
    """
    CREATE TABLE change (
        tenant_id uuid NOT NULL,
        seq bigint NOT NULL,
        kind text COLLATE "C" NOT NULL,
        record_id uuid NOT NULL,
        root_id uuid NOT NULL,
        action text NOT NULL CHECK (action IN ('create', 'edit', 'delete', 'restore')),
        actor_id uuid NOT NULL,
        device_id uuid,
        at timestamptz NOT NULL,
        patch jsonb NOT NULL,
        PRIMARY KEY (tenant_id, root_id, seq, kind, record_id)
    )
    """,
    *tenant_table("change", app="SELECT, INSERT"),
]
_EXITS = [
    """
    CREATE TABLE scope_exit (
        tenant_id uuid NOT NULL,
        seq bigint NOT NULL,
        customer_id uuid NOT NULL,
        owner_id uuid,
        team_id uuid,
        PRIMARY KEY (tenant_id, seq, customer_id)
    )
    """,
    *tenant_table("scope_exit", app="SELECT, INSERT"),
]
_CONFLICTS = [
    f"""
    CREATE TABLE conflict (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid,
        kind text NOT NULL,
        record_id uuid NOT NULL,
        field text NOT NULL,
        kept jsonb,
        other jsonb,
        kept_by uuid,
        other_by uuid,
        happened_at timestamptz NOT NULL,
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'restored', 'dismissed')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("conflict"),
    "CREATE INDEX conflict_customer ON conflict (tenant_id, customer_id, id)",
    *tenant_table("conflict"),
]
