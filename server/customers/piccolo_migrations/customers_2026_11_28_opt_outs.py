"""Who is not to be called, by keyed hash."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Opted-out phones of all companies."

_TABLE = """
CREATE TABLE contact_opt_out (
    phone_hash bytea NOT NULL CHECK (length(phone_hash) = 32),
    mark bytea NOT NULL CHECK (length(mark) = 32),
    reason text COLLATE "C" NOT NULL CHECK (reason IN ('asked', 'complaint', 'authority')),
    since timestamptz NOT NULL,
    PRIMARY KEY (phone_hash, mark)
)
"""


async def forwards() -> MigrationManager:
    """Make the table; a global one."""
    grant = "GRANT SELECT, INSERT, DELETE ON contact_opt_out TO tonglu_app"
    return sql_migration(ID, "customers", DESCRIPTION, [_TABLE, grant])
