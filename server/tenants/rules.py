"""Decide about companies: how long a lease may be, and what a team may be called."""

from typing import Final

from server.kit.errors import Conflict, Invalid

LEASE_HOURS_MIN: Final = 1
LEASE_HOURS_MAX: Final = 720
"""Thirty days; a phone that was lost for longer holds nothing that can be read."""
_HOUR_MS: Final = 3_600_000


class NameMissing(Invalid):
    """A team needs a name."""

    code = "name_missing"


class TeamNameTaken(Conflict):
    """The company has a team of this name already."""

    code = "team_name_taken"


def ensure_name(name: str) -> str:
    """Refuse an empty name."""
    if not name:
        raise NameMissing("Give a name.", field="name")
    return name


def lease_ms(hours: int) -> int:
    """Give a lease as devices count it."""
    return hours * _HOUR_MS
