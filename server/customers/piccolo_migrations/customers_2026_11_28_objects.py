"""Custom objects and their records; of custom fields, whose records have them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000091"
VERSION = "1.38.0"
DESCRIPTION = "Custom objects and their records."


async def forwards() -> MigrationManager:
    """Make the tables, and add a column to the definitions of fields."""
    return sql_migration(ID, "customers", DESCRIPTION, [*_OBJECT, *_RECORD, *_FIELD])


_OBJECT = [
    f"""
    CREATE TABLE custom_object (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name_zh text NOT NULL,
        name_en text,
        meaning text NOT NULL,
        title_zh text NOT NULL,
        title_en text,
        writers text COLLATE "C" NOT NULL CHECK (writers IN ('everyone', 'managers')),
        place bigint,
        state text COLLATE "C" NOT NULL CHECK (state IN ('active', 'archived')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *sync_indexes("custom_object"),
    *tenant_table("custom_object"),
]
_RECORD = [
    f"""
    CREATE TABLE custom_record (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        object_id uuid NOT NULL,
        title text NOT NULL,
        store_id uuid,
        custom jsonb,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, object_id) REFERENCES custom_object (tenant_id, id),
        FOREIGN KEY (tenant_id, store_id) REFERENCES store (tenant_id, id)
    )
    """,
    *sync_indexes("custom_record"),
    "CREATE INDEX custom_record_customer ON custom_record (tenant_id, customer_id, id)",
    "CREATE INDEX custom_record_store ON custom_record (tenant_id, store_id)",
    """
    CREATE INDEX custom_record_newest ON custom_record (
        tenant_id, object_id, created_seq DESC, id DESC
    ) WHERE NOT deleted
    """,
    *tenant_table("custom_record"),
]
# Without a default, so no row is written anew.
_FIELD = [
    "ALTER TABLE custom_field ADD COLUMN object_id uuid",
    """
    ALTER TABLE custom_field ADD CONSTRAINT custom_field_object
        FOREIGN KEY (tenant_id, object_id) REFERENCES custom_object (tenant_id, id)
    """,
    """
    ALTER TABLE custom_field ADD CONSTRAINT custom_field_of_object
        CHECK ((subject = 'custom_record') = (object_id IS NOT NULL))
    """,
]
