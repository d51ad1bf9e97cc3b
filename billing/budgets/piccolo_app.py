"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.budgets.tables import Budget

APP_CONFIG = AppConfig(
    app_name="budgets",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Budget],
    migration_dependencies=["billing.ledger.piccolo_app"],
)
