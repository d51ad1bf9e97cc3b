"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.escrow.tables import EscrowUnit

APP_CONFIG = AppConfig(
    app_name="escrow",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[EscrowUnit],
    migration_dependencies=["billing.issuance.piccolo_app", "billing.redemptions.piccolo_app"],
)
