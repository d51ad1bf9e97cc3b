"""Decide about territories: who may work in a place, and to whom goes what lies there. Pure."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from server.kit.errors import Conflict, Invalid


class TerritoryTaken(Conflict):
    """Another agent's right overlaps this one in place and time, and one of them is exclusive."""

    code = "territory_taken"


class TerritoryEndsBeforeItBegins(Invalid):
    """A territory's last day lies before its first."""

    code = "territory_ends_before_it_begins"


class TerritoryEndWrong(Invalid):
    """A territory ends today or later, and never later than it would have."""

    code = "territory_end_wrong"


class Right(StrEnum):
    """What right an agent has to a place on a day."""

    EXCLUSIVE = "exclusive"
    """It alone may work there."""
    SHARED = "shared"
    """It may work there, and so may others."""
    FREE = "free"
    """Nobody was given the place; whoever comes may work there."""
    ELSEWHERE = "elsewhere"
    """Another agent alone may work there."""


class Hold(msgspec.Struct, frozen=True):
    """Who may work in a place."""

    agent_id: UUID
    is_exclusive: bool


def right_of(agent_id: UUID, holds: Iterable[Hold]) -> Right:
    """Say what right an agent has where these hold the place."""
    held = list(holds)
    own = [each.is_exclusive for each in held if each.agent_id == agent_id]
    if own:
        return Right.EXCLUSIVE if any(own) else Right.SHARED
    return Right.ELSEWHERE if any(each.is_exclusive for each in held) else Right.FREE


def holder_of(holds: Iterable[Hold]) -> UUID | None:
    """Say to whom goes what lies in a place that these hold: to the one who is alone there.

    Where several share it, nobody is more entitled than another, and the platform decides.
    """
    held = list(holds)
    alone = [each for each in held if each.is_exclusive]
    agents = {each.agent_id for each in alone or held}
    return agents.pop() if len(agents) == 1 else None


def ensure_dated(valid_from: date, valid_until: date | None) -> None:
    """Refuse a last day before the first.

    :raises TerritoryEndsBeforeItBegins: it is.
    """
    if valid_until is not None and valid_until < valid_from:
        raise TerritoryEndsBeforeItBegins(
            "Let the last day lie behind the first.", field="valid_until"
        )


def ensure_ends(held: date | None, asked: date, today: date) -> None:
    """Refuse an end that changes what was decided by a territory, or that makes it longer.

    :raises TerritoryEndWrong: the day is over, or lies behind the territory's own last one.
    """
    if asked < today or (held is not None and asked > held):
        raise TerritoryEndWrong(
            "Let it end today or later, and not later than it would; grant a new one to go on.",
            field="valid_until",
        )
