"""Attachments as records, their uploads in chunks, and the contents of each tenant."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "Attachments, their uploads and their contents."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    statements = [*_RECORD, *_UPLOAD, *_CONTENT, *_USAGE]
    return sql_migration(ID, "attachments", DESCRIPTION, statements)


_RECORD = [
    # That the customer is there is seen to by the one write path, as for conflicts: its table is
    # of a room above this one.
    f"""
    CREATE TABLE attachment (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        subject_kind text COLLATE "C" NOT NULL,
        subject_id uuid NOT NULL,
        name text,
        media_type text COLLATE "C" NOT NULL,
        size bigint NOT NULL CHECK (size > 0),
        sha256 text COLLATE "C" NOT NULL,
        width bigint,
        height bigint,
        taken_at timestamptz,
        state text COLLATE "C" NOT NULL CHECK (state IN ('expected', 'stored', 'refused')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("attachment"),
    "CREATE INDEX attachment_customer ON attachment (tenant_id, customer_id, id)",
    "CREATE INDEX attachment_sha256 ON attachment (tenant_id, sha256)",
    *tenant_table("attachment", app="SELECT, INSERT, UPDATE"),
]
_UPLOAD = [
    """
    CREATE TABLE attachment_upload (
        tenant_id uuid NOT NULL,
        attachment_id uuid NOT NULL,
        folder text COLLATE "C" NOT NULL,
        touched_at timestamptz NOT NULL,
        lease bigint NOT NULL DEFAULT 0,
        leased_until timestamptz,
        finished_at timestamptz,
        emptied_at timestamptz,
        refused_code text COLLATE "C",
        refused_detail text,
        PRIMARY KEY (tenant_id, attachment_id)
    )
    """,
    *tenant_table("attachment_upload"),
    """
    CREATE TABLE attachment_chunk (
        tenant_id uuid NOT NULL,
        attachment_id uuid NOT NULL,
        number bigint NOT NULL,
        size bigint NOT NULL,
        sha256 text COLLATE "C" NOT NULL,
        beginning bytea,
        PRIMARY KEY (tenant_id, attachment_id, number)
    )
    """,
    *tenant_table("attachment_chunk"),
]
_CONTENT = [
    """
    CREATE TABLE attachment_blob (
        tenant_id uuid NOT NULL,
        sha256 text COLLATE "C" NOT NULL,
        size bigint NOT NULL,
        possession text COLLATE "C" NOT NULL,
        stored_sha256 text COLLATE "C" NOT NULL,
        stored_size bigint NOT NULL,
        stored_type text COLLATE "C" NOT NULL,
        width bigint,
        height bigint,
        thumbnail bytea,
        object_key text COLLATE "C" NOT NULL,
        stored_at timestamptz NOT NULL,
        unreferenced_at timestamptz,
        PRIMARY KEY (tenant_id, sha256)
    )
    """,
    *tenant_table("attachment_blob"),
    # A line stands here before the object is written and until it is gone: nothing is left behind
    # that nobody knows of.
    """
    CREATE TABLE attachment_object (
        tenant_id uuid NOT NULL,
        object_key text COLLATE "C" NOT NULL,
        put_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, object_key)
    )
    """,
    *tenant_table("attachment_object", app="SELECT, INSERT, DELETE"),
]
_USAGE = [
    """
    CREATE TABLE attachment_usage (
        tenant_id uuid PRIMARY KEY,
        stored_bytes bigint NOT NULL DEFAULT 0 CHECK (stored_bytes >= 0),
        staged_bytes bigint NOT NULL DEFAULT 0 CHECK (staged_bytes >= 0)
    )
    """,
    *tenant_table("attachment_usage", app="SELECT, INSERT, UPDATE"),
]
