"""Custom fields: their definitions, and where customers, stores and contacts keep the values."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000081"
VERSION = "1.38.0"
DESCRIPTION = "Custom fields."


async def forwards() -> MigrationManager:
    """Make the table, and add a column to the kinds of this room."""
    return sql_migration(ID, "customers", DESCRIPTION, [*_COLUMNS, *_DEFINITIONS])


# Without a default, so no row is written anew.
_COLUMNS = [
    f"ALTER TABLE {table} ADD COLUMN custom jsonb" for table in ("customer", "store", "contact")
]
_DEFINITIONS = [
    f"""
    CREATE TABLE custom_field (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        subject text COLLATE "C" NOT NULL,
        type text COLLATE "C" NOT NULL,
        label_zh text NOT NULL,
        label_en text,
        meaning text NOT NULL,
        options jsonb,
        decimals bigint CHECK (decimals BETWEEN 0 AND 6),
        minimum bigint,
        maximum bigint,
        is_required bigint CHECK (is_required IN (0, 1)),
        is_unique bigint CHECK (is_unique IN (0, 1)),
        place bigint,
        state text COLLATE "C" NOT NULL CHECK (state IN ('active', 'archived')),
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        CHECK (minimum <= maximum)
    )
    """,
    *sync_indexes("custom_field"),
    *tenant_table("custom_field"),
]
