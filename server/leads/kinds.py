"""The records of this room: a routed lead beside its customer; sources and campaigns for all.

All of it is written by the server; what a phone asks stands in `sync.py`.
"""

from collections.abc import Mapping
from typing import Final

from server.changelog.kinds import RecordKind

SOURCE: Final = RecordKind(name="lead_source", table="lead_source")
CAMPAIGN: Final = RecordKind(name="campaign", table="campaign")
LEAD: Final = RecordKind(name="lead", table="lead")

KINDS: Final = (SOURCE, CAMPAIGN, LEAD)
"""This room's records."""

BY_NAME: Final[Mapping[str, RecordKind]] = {kind.name: kind for kind in KINDS}
"""The same, by name."""
