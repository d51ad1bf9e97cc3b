"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.agenda.tables import CalendarFeed

APP_CONFIG = AppConfig(
    app_name="agenda",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[CalendarFeed],
    migration_dependencies=["server.contracts.piccolo_app"],
)
