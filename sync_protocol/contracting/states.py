"""What may become of a contract: its states and who leads from which to which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a contract stands."""

    DRAFT = "draft"
    """Is being written."""
    WAITING = "waiting"
    """Somebody else must approve what it says."""
    APPROVED = "approved"
    """May be signed, as it is and not otherwise."""
    SIGNED = "signed"
    """Both have signed; its first day is still to come."""
    IN_FORCE = "in_force"
    """Holds today."""
    ENDED = "ended"
    """Its last day has passed."""
    TERMINATED = "terminated"
    """Was ended before its last day; the end."""
    VOID = "void"
    """Given up before anybody signed; the end."""


class Verb(StrEnum):
    """What is done with a contract."""

    SUBMIT = "submit"
    """Ask whether it may be signed as it is."""
    APPROVE = "approve"
    DECLINE = "decline"
    """Give it back to whoever made it."""
    SIGN = "sign"
    """Note that both have signed, and on which day."""
    REVISE = "revise"
    """Write it anew; what was approved is void."""
    TERMINATE = "terminate"
    VOID = "void"


LEADS: Final[Mapping[Verb, tuple[frozenset[State], State]]] = {
    # What nobody has to approve, the server says approved at once.
    Verb.SUBMIT: (frozenset({State.DRAFT}), State.WAITING),
    Verb.APPROVE: (frozenset({State.WAITING}), State.APPROVED),
    Verb.DECLINE: (frozenset({State.WAITING}), State.DRAFT),
    # By its days it may be in force already, or over.
    Verb.SIGN: (frozenset({State.APPROVED}), State.SIGNED),
    Verb.REVISE: (frozenset({State.WAITING, State.APPROVED}), State.DRAFT),
    Verb.TERMINATE: (frozenset({State.SIGNED, State.IN_FORCE}), State.TERMINATED),
    Verb.VOID: (frozenset({State.DRAFT, State.WAITING, State.APPROVED}), State.VOID),
}
"""From where each leads, and to where."""
OPEN: Final = frozenset({State.DRAFT, State.WAITING, State.APPROVED})
"""The content may be changed; what was approved, or waits for it, is a draft again by that."""
LIVE: Final = frozenset({State.SIGNED, State.IN_FORCE})
"""Both are bound by it."""
BINDING: Final = LIVE | {State.ENDED, State.TERMINATED}
"""It was signed, so that money may still come in."""


def is_possible(verb: Verb, state: State) -> bool:
    """Answer whether this may be done with a contract that stands there."""
    return state in LEADS[verb][0]


def by_days(effective_on: str | None, ends_on: str | None, today: str) -> State:
    """Answer where a contract stands that both have signed; a day that is missing binds nothing."""
    if ends_on is not None and ends_on < today:
        return State.ENDED
    if effective_on is not None and effective_on > today:
        return State.SIGNED
    return State.IN_FORCE
