"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.reconciliation.tables import (
    ReconException,
    ReconFile,
    ReconLine,
    ReconMatch,
    ReconSource,
)

APP_CONFIG = AppConfig(
    app_name="reconciliation",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[ReconSource, ReconFile, ReconLine, ReconMatch, ReconException],
    migration_dependencies=["billing.issuance.piccolo_app"],
)
