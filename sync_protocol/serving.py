"""What may become of a service case: its states and who leads from which to which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a service case stands."""

    OPEN = "open"
    """Somebody told of it; nobody has begun."""
    IN_PROGRESS = "in_progress"
    """Is being worked on."""
    WAITING = "waiting"
    """The customer is to answer; the clock stands still."""
    RESOLVED = "resolved"
    """Helped, as we see it."""
    CLOSED = "closed"
    """Helped, as the customer sees it; the end, unless it is opened again."""


class Verb(StrEnum):
    """What is done with a service case."""

    START = "start"
    """Begin to work on it."""
    WAIT = "wait"
    """Ask the customer something."""
    RESUME = "resume"
    """The customer has answered."""
    RESOLVE = "resolve"
    """Say how it was helped."""
    CLOSE = "close"
    REOPEN = "reopen"
    """It was not helped after all."""


LEADS: Final[Mapping[Verb, tuple[frozenset[State], State]]] = {
    Verb.START: (frozenset({State.OPEN}), State.IN_PROGRESS),
    Verb.RESUME: (frozenset({State.WAITING}), State.IN_PROGRESS),
    Verb.RESOLVE: (
        frozenset({State.OPEN, State.IN_PROGRESS, State.WAITING}),
        State.RESOLVED,
    ),
    Verb.WAIT: (frozenset({State.OPEN, State.IN_PROGRESS}), State.WAITING),
    Verb.CLOSE: (frozenset({State.RESOLVED}), State.CLOSED),
    Verb.REOPEN: (frozenset({State.RESOLVED, State.CLOSED}), State.IN_PROGRESS),
}
"""From where each leads, and to where; what leads on comes first."""
LIVE: Final = frozenset({State.OPEN, State.IN_PROGRESS, State.WAITING})
"""The customer is not helped yet."""
SERIOUS: Final = frozenset({"high", "critical"})
"""The severities of which everybody hears who opens the customer."""


def is_possible(verb: Verb, state: State) -> bool:
    """Answer whether this may be done with a case that stands there."""
    return state in LEADS[verb][0]
