"""What may become of a quote: its states and who leads from which to which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a quote stands."""

    DRAFT = "draft"
    """Is being written."""
    WAITING = "waiting"
    """A price is below its floor: somebody else must approve."""
    APPROVED = "approved"
    """May be sent, as it is and not otherwise."""
    SENT = "sent"
    """The customer has it."""
    ACCEPTED = "accepted"
    """The customer agreed; the end."""
    REFUSED = "refused"
    """The customer did not agree."""
    EXPIRED = "expired"
    """Its last day has passed."""
    WITHDRAWN = "withdrawn"
    """Taken back by whoever made it; the end."""


class Verb(StrEnum):
    """What is done with a quote."""

    SUBMIT = "submit"
    """Ask whether it may be sent as it is."""
    APPROVE = "approve"
    DECLINE = "decline"
    """Give it back to whoever made it."""
    SEND = "send"
    """Note that the customer got it."""
    ACCEPT = "accept"
    REFUSE = "refuse"
    REVISE = "revise"
    """Write it anew; what was approved is void."""
    WITHDRAW = "withdraw"


LEADS: Final[Mapping[Verb, tuple[frozenset[State], State]]] = {
    # Where a price is below its floor, the server says waiting.
    Verb.SUBMIT: (frozenset({State.DRAFT}), State.APPROVED),
    Verb.APPROVE: (frozenset({State.WAITING}), State.APPROVED),
    Verb.DECLINE: (frozenset({State.WAITING}), State.DRAFT),
    Verb.SEND: (frozenset({State.APPROVED}), State.SENT),
    Verb.ACCEPT: (frozenset({State.SENT}), State.ACCEPTED),
    Verb.REFUSE: (frozenset({State.SENT}), State.REFUSED),
    Verb.REVISE: (
        frozenset({State.WAITING, State.APPROVED, State.SENT, State.REFUSED, State.EXPIRED}),
        State.DRAFT,
    ),
    Verb.WITHDRAW: (
        frozenset({State.DRAFT, State.WAITING, State.APPROVED, State.SENT, State.EXPIRED}),
        State.WITHDRAWN,
    ),
}
"""From where each leads, and to where."""
OPEN: Final = frozenset({State.DRAFT, State.WAITING, State.APPROVED})
"""The content may be changed; what was approved, or waits for it, is a draft again by that."""


def is_possible(verb: Verb, state: State) -> bool:
    """Answer whether this may be done with a quote that stands there."""
    return state in LEADS[verb][0]
