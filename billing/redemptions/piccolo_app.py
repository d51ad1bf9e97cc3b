"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.redemptions.tables import Redemption

APP_CONFIG = AppConfig(
    app_name="redemptions",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Redemption],
    migration_dependencies=["billing.issuance.piccolo_app"],
)
