"""Codes of benefits, by their keyed hashes, and alarms about who guesses them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, reachable
from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001030"
VERSION = "1.38.0"
DESCRIPTION = "Vouchers, locks on them, and alarms."


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(ID, "benefits", DESCRIPTION, [*_VOUCHER, *_ALARM])


_OWN = f"agent_id = {AGENT}"
_VOUCHER = [
    """
    CREATE TABLE voucher (
        digest bytea PRIMARY KEY CHECK (length(digest) = 32),
        issuance_id uuid NOT NULL UNIQUE REFERENCES issuance (id),
        agent_id uuid NOT NULL,
        serial integer NOT NULL,
        last4 text COLLATE "C" NOT NULL CHECK (length(last4) = 4),
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        lock_id uuid,
        locked_until timestamptz,
        CHECK ((lock_id IS NULL) = (locked_until IS NULL))
    )
    """,
    *reachable("voucher", select=_OWN, insert=_OWN),
    "GRANT SELECT, INSERT ON voucher TO tonglu_app",
    "GRANT SELECT ON voucher TO tonglu_platform",
    "GRANT UPDATE (lock_id, locked_until) ON voucher TO tonglu_platform",
]

_ALARM = [
    """
    CREATE TABLE voucher_alarm (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        user_id uuid NOT NULL,
        raised_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX voucher_alarm_order ON voucher_alarm (raised_at, id)",
    "GRANT SELECT, INSERT ON voucher_alarm TO tonglu_platform",
]
