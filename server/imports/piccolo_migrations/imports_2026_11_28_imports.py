"""Imports of any kind of record, in the place of those of customers alone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "Imports of any kind of record."


async def forwards() -> MigrationManager:
    """Make the room's tables; what earlier files brought stays, only the list of them is left."""
    return sql_migration(ID, "imports", DESCRIPTION, [*_BEFORE, *_IMPORT])


_BEFORE = ["DROP TABLE customer_import_chunk", "DROP TABLE customer_import"]
_IMPORT = [
    """
    CREATE TABLE sheet_import (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        target text NOT NULL,
        file_name text NOT NULL,
        file_sha256 text NOT NULL,
        byte_count bigint NOT NULL,
        format text NOT NULL CHECK (format IN ('csv', 'xlsx')),
        encoding text,
        delimiter text,
        header jsonb NOT NULL,
        row_count bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('uploaded', 'running', 'done', 'stopped')),
        plan jsonb,
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL,
        started_at timestamptz,
        finished_at timestamptz,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *tenant_table("sheet_import", app="SELECT, INSERT, UPDATE"),
    # A chunk is one transaction: its rows as they were read, then what became of them.
    """
    CREATE TABLE sheet_import_chunk (
        tenant_id uuid NOT NULL,
        import_id uuid NOT NULL,
        number bigint NOT NULL,
        rows bytea NOT NULL,
        outcome bytea,
        counts jsonb,
        PRIMARY KEY (tenant_id, import_id, number),
        FOREIGN KEY (tenant_id, import_id) REFERENCES sheet_import (tenant_id, id)
    )
    """,
    # They are packed already.
    "ALTER TABLE sheet_import_chunk ALTER COLUMN rows SET STORAGE EXTERNAL",
    *tenant_table("sheet_import_chunk", app="SELECT, INSERT, UPDATE"),
]
