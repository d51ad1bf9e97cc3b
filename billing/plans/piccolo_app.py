"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.plans.tables import SaasChange, SaasGrant, SaasPlanVersion, SaasSubscription

APP_CONFIG = AppConfig(
    app_name="plans",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[SaasPlanVersion, SaasSubscription, SaasChange, SaasGrant],
    migration_dependencies=["billing.ledger.piccolo_app"],
)
