"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.statements.tables import (
    Statement,
    StatementAccount,
    StatementAnswer,
    StatementLine,
    StatementSignature,
)

APP_CONFIG = AppConfig(
    app_name="statements",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Statement,
        StatementAccount,
        StatementLine,
        StatementAnswer,
        StatementSignature,
    ],
    migration_dependencies=["billing.sealing.piccolo_app"],
)
