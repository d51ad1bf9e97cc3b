"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.exits.tables import ExitConsent, ExitItem

APP_CONFIG = AppConfig(
    app_name="exits",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[ExitConsent, ExitItem],
    migration_dependencies=[],
)
