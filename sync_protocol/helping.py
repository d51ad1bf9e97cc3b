"""What may become of a request for help: its states and what leads from which to which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a request for help stands."""

    REQUESTED = "requested"
    """Somebody in the field asks; nobody was sent to help yet."""
    DISPATCHED = "dispatched"
    """Lies with who is to help, a colleague or the platform."""
    ACCEPTED = "accepted"
    """Who is to help has said yes."""
    DONE = "done"
    """Helped; the result stands on the deal."""
    DECLINED = "declined"
    """Not helped, with a reason; it may be dispatched anew."""
    CANCELLED = "cancelled"
    """No longer wanted; the end."""


class Verb(StrEnum):
    """What is done with a request for help."""

    DISPATCH = "dispatch"
    """Send it to who is to help."""
    ACCEPT = "accept"
    DECLINE = "decline"
    """Say no, and why."""
    COMPLETE = "complete"
    """Say what came of it."""
    JUDGE = "judge"
    """Say, as who asked, whether it helped."""
    CANCEL = "cancel"


class Party(StrEnum):
    """Who is to help."""

    COMPANY = "company"
    """Somebody of the own company."""
    PLATFORM = "platform"
    """The platform's people, who see what was written for them and never whom it is about."""


LEADS: Final[Mapping[Verb, tuple[frozenset[State], State]]] = {
    Verb.ACCEPT: (frozenset({State.DISPATCHED}), State.ACCEPTED),
    Verb.COMPLETE: (frozenset({State.ACCEPTED}), State.DONE),
    Verb.DISPATCH: (
        frozenset({State.REQUESTED, State.DISPATCHED, State.DECLINED}),
        State.DISPATCHED,
    ),
    Verb.JUDGE: (frozenset({State.DONE}), State.DONE),
    Verb.DECLINE: (
        frozenset({State.REQUESTED, State.DISPATCHED, State.ACCEPTED}),
        State.DECLINED,
    ),
    Verb.CANCEL: (
        frozenset({State.REQUESTED, State.DISPATCHED, State.ACCEPTED, State.DECLINED}),
        State.CANCELLED,
    ),
}
"""From where each leads, and to where; what leads on comes first."""
LIVE: Final = frozenset({State.REQUESTED, State.DISPATCHED, State.ACCEPTED})
"""Somebody still waits for help."""
ANSWERS: Final = (Verb.ACCEPT, Verb.COMPLETE, Verb.DECLINE)
"""What who is to help does."""


def is_possible(verb: Verb, state: State) -> bool:
    """Answer whether this may be done with a request that stands there."""
    return state in LEADS[verb][0]
