"""Who of a company said of whom that nobody may call them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000230"
VERSION = "1.38.0"
DESCRIPTION = "A company's own words about phones that nobody may call."


async def forwards() -> MigrationManager:
    """Make the table."""
    return sql_migration(ID, "customers", DESCRIPTION, _TABLE)


_TABLE = [
    """
    CREATE TABLE opt_out_word (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        phone text COLLATE "C" NOT NULL,
        reason text COLLATE "C" NOT NULL CHECK (reason IN ('asked', 'complaint', 'authority')),
        customer_id uuid,
        call_id uuid,
        told_by uuid NOT NULL,
        told_at timestamptz NOT NULL,
        day date NOT NULL,
        state text COLLATE "C" NOT NULL CHECK (state IN ('in_force', 'waiting', 'withdrawn')),
        decided_by uuid,
        decided_at timestamptz,
        why text,
        PRIMARY KEY (tenant_id, id),
        CHECK (state <> 'withdrawn' OR (decided_by IS NOT NULL AND why IS NOT NULL))
    )
    """,
    # What was said in a call is heard once, whatever becomes of it.
    "CREATE UNIQUE INDEX opt_out_word_call ON opt_out_word (tenant_id, call_id)",
    "CREATE INDEX opt_out_word_phone ON opt_out_word (tenant_id, phone)",
    "CREATE INDEX opt_out_word_of ON opt_out_word (tenant_id, told_by, day)",
    *tenant_table("opt_out_word", app="SELECT, INSERT, UPDATE"),
]
