"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.activities.tables import Call, CallBan, Task, Visit

APP_CONFIG = AppConfig(
    app_name="activities",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Visit, Task, Call, CallBan],
    migration_dependencies=["server.customers.piccolo_app"],
)
