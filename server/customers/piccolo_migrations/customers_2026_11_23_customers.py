"""Customers, what belongs to them, their search keys, and imports."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000006"
VERSION = "1.38.0"
DESCRIPTION = "Customers and what belongs to them."


async def forwards() -> MigrationManager:
    """Make the room's tables."""
    statements = [*_CUSTOMER, *_STORE, *_CONTACT, *_NOTE, *_TAG, *_TOKEN, *_IMPORT]
    return sql_migration(ID, "customers", DESCRIPTION, statements)


_CUSTOMER = [
    f"""
    CREATE TABLE customer (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        uscc text,
        phone text,
        city text COLLATE "C",
        district text COLLATE "C",
        address text,
        industry text COLLATE "C",
        status text COLLATE "C"
            CHECK (status IN ('potential', 'need', 'intent', 'signed', 'dormant', 'lost')),
        level text COLLATE "C" CHECK (level IN ('A', 'B', 'C', 'D')),
        source text COLLATE "C",
        owner_id uuid,
        team_id uuid,
        expected_revenue_minor bigint,
        remark text,
        tags jsonb,
        name_pinyin text COLLATE "C" NOT NULL,
        scope_seq bigint NOT NULL,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("customer"),
    "CREATE INDEX customer_owner ON customer (tenant_id, owner_id, seq, id)",
    # Only customers that changed hands: all others entered every scope when they were created.
    """
    CREATE INDEX customer_entered ON customer (tenant_id, scope_seq, id)
    WHERE scope_seq > created_seq
    """,
    """
    CREATE INDEX customer_list ON customer (
        tenant_id, city, status, (coalesce(expected_revenue_minor, -9007199254740992)) DESC, id
    ) WHERE NOT deleted
    """,
    "CREATE INDEX customer_name ON customer (tenant_id, name_pinyin, id) WHERE NOT deleted",
    """
    CREATE INDEX customer_revenue ON customer (
        tenant_id, (coalesce(expected_revenue_minor, -9007199254740992)) DESC, id
    ) WHERE NOT deleted
    """,
    *tenant_table("customer", app="SELECT, INSERT, UPDATE"),
]
_STORE = [
    f"""
    CREATE TABLE store (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        name text,
        address text,
        city text COLLATE "C",
        district text COLLATE "C",
        lat bigint,
        lng bigint,
        phone text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
    )
    """,
    *sync_indexes("store"),
    "CREATE INDEX store_customer ON store (tenant_id, customer_id, id)",
    *tenant_table("store", app="SELECT, INSERT, UPDATE"),
]
_CONTACT = [
    f"""
    CREATE TABLE contact (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        store_id uuid,
        name text NOT NULL,
        title text,
        phone text,
        email text,
        wechat text,
        remark text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, store_id) REFERENCES store (tenant_id, id)
    )
    """,
    *sync_indexes("contact"),
    "CREATE INDEX contact_customer ON contact (tenant_id, customer_id, id)",
    *tenant_table("contact", app="SELECT, INSERT, UPDATE"),
]
_NOTE = [
    f"""
    CREATE TABLE note (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        body text NOT NULL,
        author_id uuid,
        written_at timestamptz,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
    )
    """,
    *sync_indexes("note"),
    "CREATE INDEX note_customer ON note (tenant_id, customer_id, id)",
    *tenant_table("note", app="SELECT, INSERT, UPDATE"),
]
_TAG = [
    f"""
    CREATE TABLE tag (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        colour text,
        meaning text NOT NULL,
        owner_id uuid,
        expires_on text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("tag"),
    *tenant_table("tag", app="SELECT, INSERT, UPDATE"),
]
_TOKEN = [
    # `customer_id` is null where the record is the customer itself: it spares 32 bytes a row.
    """
    CREATE TABLE customer_token (
        tenant_id uuid NOT NULL,
        token text COLLATE "C" NOT NULL,
        record_id uuid NOT NULL,
        customer_id uuid,
        before text COLLATE "C" NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, token, record_id) INCLUDE (customer_id, before)
    )
    """,
    *tenant_table("customer_token"),
]
_IMPORT = [
    """
    CREATE TABLE customer_import (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
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
    *tenant_table("customer_import", app="SELECT, INSERT, UPDATE"),
    # A chunk is one transaction: its rows as they were read, then what became of them.
    """
    CREATE TABLE customer_import_chunk (
        tenant_id uuid NOT NULL,
        import_id uuid NOT NULL,
        number bigint NOT NULL,
        rows bytea NOT NULL,
        outcome bytea,
        counts jsonb,
        PRIMARY KEY (tenant_id, import_id, number),
        FOREIGN KEY (tenant_id, import_id) REFERENCES customer_import (tenant_id, id)
    )
    """,
    *tenant_table("customer_import_chunk", app="SELECT, INSERT, UPDATE"),
]
