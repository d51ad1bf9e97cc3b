"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.identity.tables import (
    Absence,
    Device,
    EnrolmentCode,
    Invitation,
    LoginName,
    PhoneMask,
    RefreshFamily,
    SharingLine,
    ThrottleCounter,
    UserAccount,
    WebSession,
)

APP_CONFIG = AppConfig(
    app_name="identity",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Absence,
        Device,
        EnrolmentCode,
        Invitation,
        LoginName,
        PhoneMask,
        RefreshFamily,
        SharingLine,
        ThrottleCounter,
        UserAccount,
        WebSession,
    ],
    migration_dependencies=[],
)
