"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.reconciliation.tables import ReconAnswer, ReconPart, ReconQuestion, ReconReply

APP_CONFIG = AppConfig(
    app_name="reconciling",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[ReconAnswer, ReconPart, ReconQuestion, ReconReply],
    migration_dependencies=["billing.reconciliation.piccolo_app"],
)
