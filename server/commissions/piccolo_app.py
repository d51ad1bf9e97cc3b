"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.commissions.sheets.tables import (
    CommissionSheet,
    CommissionSheetMap,
    CommissionSheetPart,
)

APP_CONFIG = AppConfig(
    app_name="commission_sheets",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[CommissionSheetMap, CommissionSheet, CommissionSheetPart],
    migration_dependencies=["billing.commissions.piccolo_app"],
)
