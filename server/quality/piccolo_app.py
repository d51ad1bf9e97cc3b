"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.quality.tables import CustomerQuality

APP_CONFIG = AppConfig(
    app_name="quality",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[CustomerQuality],
    migration_dependencies=["server.customers.piccolo_app"],
)
