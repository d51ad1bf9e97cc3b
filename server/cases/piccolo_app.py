"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.cases.tables import CaseTargets, ServiceCase, ServiceCaseEvent

APP_CONFIG = AppConfig(
    app_name="cases",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[CaseTargets, ServiceCase, ServiceCaseEvent],
    migration_dependencies=["server.customers.piccolo_app"],
)
