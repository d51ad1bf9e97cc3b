"""Who points to customers: upper rooms register their tables as data, and none is asked from below.

A merge repoints these in its own transaction; a customer that one of them names is not collected.
What somebody is in charge of beneath a customer goes along when the customer is handed over.
"""

from typing import Final

import msgspec

from server.changelog.kinds import RecordKind


class Reference(msgspec.Struct, frozen=True):
    """A column of a tenant's table that holds ids of customers; its rows have an `id`."""

    table: str
    column: str
    moves: bool = True
    """Whether a merge repoints it; False for what stays with the customer that was promised."""


_HELD: Final[dict[tuple[str, str], Reference]] = {}


def register(reference: Reference) -> None:
    """Add a reference; the same one again changes nothing."""
    _HELD[reference.table, reference.column] = reference


def registered() -> tuple[Reference, ...]:
    """Give all references, in one order on every server."""
    return tuple(reference for _, reference in sorted(_HELD.items()))


class Follower(msgspec.Struct, frozen=True):
    """A child of a customer with a field that names the person in charge."""

    kind: RecordKind
    field: str
    condition: str = "TRUE"
    """Which of them, in SQL, the alias being ``k``: work that is done stays with who did it."""


_FOLLOWERS: Final[dict[tuple[str, str], Follower]] = {}


def follow(follower: Follower) -> None:
    """Let a kind of work go along with its customer; the same again changes nothing."""
    _FOLLOWERS[follower.kind.name, follower.field] = follower


def followers() -> tuple[Follower, ...]:
    """Give all that goes along, in one order on every server."""
    return tuple(follower for _, follower in sorted(_FOLLOWERS.items()))
