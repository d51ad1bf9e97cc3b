"""What no device needs any more may be thrown away."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-23T00:00:00:000022"
VERSION = "1.38.0"
DESCRIPTION = "What was only ever added to may be thrown away in the end."


async def forwards() -> MigrationManager:
    """Grant it."""
    return sql_migration(
        ID,
        "sync",
        DESCRIPTION,
        [
            "GRANT DELETE ON op_outcome TO tonglu_app",
            "GRANT DELETE ON scope_exit TO tonglu_app",
            "GRANT DELETE ON tag, customer, store, contact, note TO tonglu_app",
        ],
    )
