"""Photos and files of records, on the device and on their way; see ``lane``."""

from mobile_client_sdk.attachments.kept import NotAttachable
from mobile_client_sdk.attachments.lane import Lane, LaneState, SendProgress, SendReport
from mobile_client_sdk.attachments.queue import Unsent

__all__ = ["Lane", "LaneState", "NotAttachable", "SendProgress", "SendReport", "Unsent"]
