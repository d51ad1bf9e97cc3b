"""What may become of a deal registration (报备): its states, what leads from which to which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a registration stands."""

    PROVISIONAL = "provisional"
    """Made on a device that has not reached the server; known to nobody else."""
    CHECKING = "checking"
    """Arrived; decided with all that come in for the same customer within the window."""
    GRANTED = "granted"
    """Protected until a day."""
    EXTENDED = "extended"
    """Protected for longer, for evidence of work."""
    CONTESTED = "contested"
    """A case is open, and this is not the one that is protected meanwhile."""
    REFUSED = "refused"
    """Not protected, with the reason's code."""
    CONVERTED = "converted"
    """The customer has signed; protected as long as the contract holds."""
    EXPIRED = "expired"
    """Its time is over; the customer is free."""
    RELEASED = "released"
    """Given back early; the customer is free."""
    REVOKED = "revoked"
    """A case was decided for somebody else."""


class Verb(StrEnum):
    """What somebody does with a registration of their own."""

    EXTEND = "extend"
    """Show evidence of work, and be protected for longer."""
    RELEASE = "release"
    """Give the customer back."""
    CONTEST = "contest"
    """Open a case against a refusal."""


LIVE: Final = frozenset({State.GRANTED, State.EXTENDED, State.CONVERTED})
"""Protected now."""
OPEN: Final = LIVE | {State.CHECKING, State.CONTESTED}
"""Not over: counts when somebody asks about the customer."""

LEADS: Final[Mapping[Verb, frozenset[State]]] = {
    Verb.EXTEND: frozenset({State.GRANTED, State.EXTENDED}),
    Verb.RELEASE: frozenset({State.CHECKING, State.GRANTED, State.EXTENDED, State.CONTESTED}),
    Verb.CONTEST: frozenset({State.REFUSED, State.REVOKED}),
}
"""From where each leads."""
SEEN_AS: Final[Mapping[Verb, State]] = {
    Verb.EXTEND: State.EXTENDED,
    Verb.RELEASE: State.RELEASED,
    Verb.CONTEST: State.CONTESTED,
}
"""What a device shows until the server has answered."""


def is_possible(verb: Verb, state: State) -> bool:
    """Answer whether this may be done with a registration that stands there."""
    return state in LEADS[verb]
