"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.metering.tables import UsageBucket, UsageEventRow

APP_CONFIG = AppConfig(
    app_name="metering",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[UsageEventRow, UsageBucket],
    migration_dependencies=["billing.plans.piccolo_app"],
)
