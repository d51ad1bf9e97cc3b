"""The steps of the on-boarding call an agent's owner as the pages do: 公司负责人."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-29T00:00:00:016000"
VERSION = "1.38.0"
DESCRIPTION = "Steps of the on-boarding say 公司负责人."

_STEPS = (
    ("owner", "老板账号开通并改好密码", "公司负责人账号开通并改好密码"),
    ("contract", "数据共享约定已由老板确认", "数据共享约定已由公司负责人确认"),
)


async def forwards() -> MigrationManager:
    """Correct two texts where they are still those that the product came with."""
    statements = [
        f"""
        UPDATE onboarding_step SET label_zh = '{new}' WHERE code = '{code}' AND label_zh = '{old}'
        """
        for code, old, new in _STEPS
    ]
    return sql_migration(ID, "partners", DESCRIPTION, statements)
