"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.channel.tables import AgentHealth, CountingRun, ReleasedCell, Tally

APP_CONFIG = AppConfig(
    app_name="channel",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[AgentHealth, CountingRun, ReleasedCell, Tally],
    migration_dependencies=[],
)
