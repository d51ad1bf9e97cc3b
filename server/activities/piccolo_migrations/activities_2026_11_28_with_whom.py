"""With whom of the customer's people something was done."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000086"
VERSION = "1.38.0"
DESCRIPTION = "With whom visits and tasks are."


async def forwards() -> MigrationManager:
    """Add the columns."""
    return sql_migration(
        ID,
        "activities",
        DESCRIPTION,
        [
            f"""
            ALTER TABLE {table} ADD COLUMN contact_id uuid,
                ADD FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
            """
            for table in ("visit", "task")
        ],
    )
