"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.automation.plays.tables import (
    Play,
    PlayFiring,
    PlayVersion,
    Signal,
    SignalSource,
)
from server.automation.tables import SlaPolicy, TaskEscalation

APP_CONFIG = AppConfig(
    app_name="automation",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        SlaPolicy,
        TaskEscalation,
        Play,
        PlayVersion,
        PlayFiring,
        SignalSource,
        Signal,
    ],
    migration_dependencies=["server.activities.piccolo_app"],
)
