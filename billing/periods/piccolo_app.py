"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.periods.tables import LedgerPeriod, LedgerPeriodChange, LedgerTrial

APP_CONFIG = AppConfig(
    app_name="periods",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[LedgerPeriod, LedgerPeriodChange, LedgerTrial],
    migration_dependencies=["billing.ledger.piccolo_app"],
)
