"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.sealing.tables import LedgerBlock, LedgerLeaf, LedgerNode, LedgerUnsealed

APP_CONFIG = AppConfig(
    app_name="sealing",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[LedgerUnsealed, LedgerLeaf, LedgerNode, LedgerBlock],
    migration_dependencies=["billing.ledger.piccolo_app"],
)
