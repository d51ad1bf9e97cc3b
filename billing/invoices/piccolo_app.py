"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.invoices.tables import (
    CreditNote,
    DunningStep,
    Invoice,
    InvoiceFapiao,
    InvoiceLine,
    InvoicePayment,
    InvoiceSeries,
)

APP_CONFIG = AppConfig(
    app_name="invoices",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        InvoiceSeries,
        Invoice,
        InvoiceLine,
        InvoicePayment,
        CreditNote,
        InvoiceFapiao,
        DunningStep,
    ],
    migration_dependencies=["billing.plans.piccolo_app", "billing.commissions.piccolo_app"],
)
