"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.exchange.tables import LedgerExchange, LedgerRate

APP_CONFIG = AppConfig(
    app_name="exchange",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[LedgerRate, LedgerExchange],
    migration_dependencies=["billing.ledger.piccolo_app"],
)
