"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.issuance.tables import Issuance

APP_CONFIG = AppConfig(
    app_name="issuance",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Issuance],
    migration_dependencies=["billing.budgets.piccolo_app"],
)
