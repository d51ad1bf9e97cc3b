"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.views.tables import SavedView

APP_CONFIG = AppConfig(
    app_name="views",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[SavedView],
    migration_dependencies=["server.customers.piccolo_app"],
)
