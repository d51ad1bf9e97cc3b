"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from billing.ledger.tables import (
    LedgerAccount,
    LedgerAccountKind,
    LedgerEntry,
    LedgerOutcome,
    LedgerTransfer,
)

APP_CONFIG = AppConfig(
    app_name="ledger",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[LedgerAccountKind, LedgerAccount, LedgerTransfer, LedgerEntry, LedgerOutcome],
    migration_dependencies=[],
)
