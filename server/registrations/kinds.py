"""How this room's synced records lie in their tables."""

from collections.abc import Mapping
from typing import Final

from server.changelog.kinds import RecordKind

REGISTRATION: Final = RecordKind(name="registration", table="registration")

KINDS: Final = (REGISTRATION,)
"""This room's records."""

WRITTEN: Final[Mapping[str, RecordKind]] = {
    # The one write path looks whether it is there; it is another room's.
    "customer": RecordKind(name="customer", table="customer"),
    REGISTRATION.name: REGISTRATION,
}
"""What the services of this room hand to the one write path, by name."""
