"""What this process was started with: where contents lie, and what it takes."""

from dataclasses import dataclass

from server.attachments import storage
from server.attachments.rules import Limits
from server.attachments.storage import Storage
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where contents lie, and what is taken."""

    storage: Storage
    limits: Limits


_open: list[Place] = []


def open_place(settings: Settings) -> Place:
    """Choose by the settings; the whole process uses it from here on."""
    chosen = Place(
        storage.choose(settings),
        Limits(
            size=settings.attachment_bytes,
            pixels=settings.attachment_pixels,
            quota=settings.attachment_quota_bytes,
        ),
    )
    _open[:] = [chosen]
    return chosen


def place() -> Place:
    """Give what this process uses."""
    assert _open, "open_place() is called when the process starts"
    return _open[0]
