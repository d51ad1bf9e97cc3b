"""A role more: whoever reads figures and no records."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000023"
VERSION = "1.38.0"
DESCRIPTION = "The role of an analyst."


async def forwards() -> MigrationManager:
    """Let people be analysts."""
    return sql_migration(ID, "identity", DESCRIPTION, _ROLES)


_ROLES = [
    """
    ALTER TABLE user_account DROP CONSTRAINT user_account_role_check,
    ADD CONSTRAINT user_account_role_check CHECK (role IN (
        'platform_operator', 'platform_finance', 'agent_owner', 'sales_manager', 'sales_rep',
        'analyst'
    ))
    """
]
