"""Calls, and phones that are not to be called."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.changelog.kinds import SYNC_COLUMNS, sync_indexes
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Calls, and the phones of customers that are not to be called."


async def forwards() -> MigrationManager:
    """Make the tables."""
    return sql_migration(ID, "activities", DESCRIPTION, [*_CALL, *_BAN])


_CALL = [
    f"""
    CREATE TABLE call (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        contact_id uuid,
        caller_id uuid NOT NULL,
        direction text COLLATE "C" NOT NULL CHECK (direction IN ('out', 'in')),
        called_at timestamptz NOT NULL,
        outcome text COLLATE "C" NOT NULL CHECK (outcome IN (
            'answered', 'no_answer', 'busy', 'wrong_number', 'refused', 'opted_out'
        )),
        duration_s bigint CHECK (duration_s BETWEEN 0 AND 86400),
        note text,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
        FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
    )
    """,
    *sync_indexes("call"),
    "CREATE INDEX call_customer ON call (tenant_id, customer_id, called_at, id)",
    *tenant_table("call"),
]
_BAN = [
    f"""
    CREATE TABLE call_ban (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        customer_id uuid NOT NULL,
        phone text COLLATE "C" NOT NULL,
        reason text COLLATE "C" CHECK (reason IN ('asked', 'complaint', 'authority')),
        since timestamptz,
        lifted_at timestamptz,
        {SYNC_COLUMNS},
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
    )
    """,
    *sync_indexes("call_ban"),
    "CREATE INDEX call_ban_customer ON call_ban (tenant_id, customer_id, phone)",
    *tenant_table("call_ban"),
]
