"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.changelog.tables import Change, Conflict, ScopeExit, TenantClock

APP_CONFIG = AppConfig(
    app_name="changelog",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Change, Conflict, ScopeExit, TenantClock],
    migration_dependencies=[],
)
