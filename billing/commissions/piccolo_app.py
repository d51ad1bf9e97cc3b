"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.commissions.tables import (
    CommissionItem,
    CommissionLine,
    CommissionPlanVersion,
    CommissionRefund,
    CommissionSale,
    CounterOffer,
    NaturalPerson,
    PayoutBatch,
    PayoutFile,
    PayoutItem,
    PayoutPayment,
)

APP_CONFIG = AppConfig(
    app_name="commissions",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        CommissionPlanVersion,
        CommissionSale,
        CommissionRefund,
        CommissionLine,
        CommissionItem,
        CounterOffer,
        PayoutBatch,
        PayoutPayment,
        PayoutItem,
        PayoutFile,
        NaturalPerson,
    ],
    migration_dependencies=["billing.ledger.piccolo_app"],
)
