"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.accounting_vouchers.tables import (
    AccountingExport,
    AccountingVoucher,
    AccountingVoucherCounter,
    AccountingVoucherLine,
    AccountingVoucherNumber,
    AccountingVoucherRun,
    AccountingVoucherTemplate,
    AccountingVoucherTransfer,
    AccountingVoucherWithin,
    ChartAccount,
    PostingRule,
)

APP_CONFIG = AppConfig(
    app_name="accounting_vouchers",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        ChartAccount,
        PostingRule,
        AccountingVoucherTemplate,
        AccountingVoucherRun,
        AccountingVoucher,
        AccountingVoucherLine,
        AccountingVoucherTransfer,
        AccountingVoucherWithin,
        AccountingVoucherCounter,
        AccountingVoucherNumber,
        AccountingExport,
    ],
    migration_dependencies=["billing.periods.piccolo_app"],
)
