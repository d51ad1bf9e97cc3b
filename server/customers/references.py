"""Who points to customers: upper rooms register their tables as data, and none is asked from below.

A merge repoints these in its own transaction; a customer that one of them names is not collected.
"""

from typing import Final

import msgspec


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
