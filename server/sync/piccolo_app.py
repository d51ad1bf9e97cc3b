"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.sync.tables import (
    CustomerAlias,
    CustomerMerge,
    DuplicatePair,
    FeedSegment,
    OpOutcome,
    OrphanOp,
    RecordExit,
)

APP_CONFIG = AppConfig(
    app_name="sync",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        CustomerAlias,
        CustomerMerge,
        DuplicatePair,
        FeedSegment,
        OpOutcome,
        OrphanOp,
        RecordExit,
    ],
    migration_dependencies=[],
)
