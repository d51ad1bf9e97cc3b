"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.attachments.tables import (
    Attachment,
    AttachmentBlob,
    AttachmentChunk,
    AttachmentObject,
    AttachmentUpload,
    AttachmentUsage,
)

APP_CONFIG = AppConfig(
    app_name="attachments",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Attachment,
        AttachmentUpload,
        AttachmentChunk,
        AttachmentBlob,
        AttachmentObject,
        AttachmentUsage,
    ],
    migration_dependencies=["server.changelog.piccolo_app"],
)
