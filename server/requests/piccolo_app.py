"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.requests.tables import PlatformRequest, ResourceRequest, ResourceRequestEvent

APP_CONFIG = AppConfig(
    app_name="requests",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[ResourceRequest, ResourceRequestEvent, PlatformRequest],
    migration_dependencies=["server.pipeline.piccolo_app"],
)
