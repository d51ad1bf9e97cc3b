"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.notifications.tables import Notification, NotificationDelivery, NotificationSetting

APP_CONFIG = AppConfig(
    app_name="notifications",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Notification, NotificationSetting, NotificationDelivery],
    migration_dependencies=["server.identity.piccolo_app"],
)
