"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.contracts.tables import Contract, ContractEvent, ContractReceipt

APP_CONFIG = AppConfig(
    app_name="contracts",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Contract, ContractEvent, ContractReceipt],
    migration_dependencies=["server.sales.piccolo_app"],
)
