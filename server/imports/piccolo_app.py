"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.imports.tables import SheetImport, SheetImportChunk

APP_CONFIG = AppConfig(
    app_name="imports",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[SheetImport, SheetImportChunk],
    migration_dependencies=["server.changelog.piccolo_app"],
)
