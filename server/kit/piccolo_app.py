"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.kit.tables import Outbox, Schedule

APP_CONFIG = AppConfig(
    app_name="kit",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Outbox, Schedule],
    migration_dependencies=[],
)
