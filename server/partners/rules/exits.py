"""Decide about an agent that leaves: what it begins no more, and what is not undone. Pure."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from server.kit.errors import Conflict, Invalid


class AgentLeaving(Conflict):
    """The company leaves the channel and is frozen: it begins nothing new, and takes all along."""

    code = "agent_leaving"


class ExitOpen(Conflict):
    """The agent's exit is open already, or was carried out."""

    code = "exit_open"


class ExitLastDayPast(Invalid):
    """The last day of an exit lies before today, or before the freeze."""

    code = "exit_last_day_past"


class SuccessorWrong(Invalid):
    """A successor is the leaver itself, leaves too, or is none of those that were named."""

    code = "successor_wrong"


class ExitUnderWay(Conflict):
    """What was begun to be carried out is carried out to its end."""

    code = "exit_under_way"


class ExitState(StrEnum):
    """How far an exit has come."""

    OPEN = "open"
    """The company hears of it and, from its freeze, begins nothing new; it may be called off."""
    CARRYING = "carrying"
    """The plan is carried out, portion by portion."""
    DONE = "done"
    """All that was the company's has exactly one successor."""
    CANCELLED = "cancelled"
    """It was called off before anything was carried out."""
    RETURNED = "returned"
    """It was carried out, and the company has come back since; what went elsewhere stays there."""


OVER: Final = frozenset({ExitState.CANCELLED, ExitState.RETURNED})
"""The company does not leave any more, and may again."""


class Freeze(msgspec.Struct, frozen=True):
    """Since when a company begins nothing new, and why it is not gone yet."""

    frozen_from: datetime
    last_day: date


def ensure_staying(freeze: Freeze | None, *, now: datetime) -> None:
    """Refuse to begin something new in a company that leaves.

    :raises AgentLeaving: it is frozen.
    """
    if freeze is not None and freeze.frozen_from <= now:
        raise AgentLeaving(
            f"Your company leaves the channel on {freeze.last_day}: nothing new is begun. What "
            "there is can be read and taken along; ask the platform if this is a mistake."
        )


def ensure_days(last_day: date, *, frozen_on: date, today: date) -> None:
    """Refuse a last day that is over, or lies before the freeze.

    :raises ExitLastDayPast: it does.
    """
    if last_day < max(frozen_on, today):
        raise ExitLastDayPast("The last day is the day of the freeze or later.", field="last_day")
