"""Who points to customers: upper rooms register their tables as data, and none is asked from below.

A merge repoints these in its own transaction; a customer that one of them names is not collected.
What somebody is in charge of beneath a customer goes along when the customer is handed over.
What binds a customer to the company keeps it out of the pools.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
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


Moved = Callable[[Actor, Mapping[UUID, UUID], datetime], Awaitable[None]]


async def _nothing_else(_actor: Actor, _people: Mapping[UUID, UUID], _now: datetime) -> None:
    """Keep nothing else of who is in charge."""


class Follower(msgspec.Struct, frozen=True):
    """A child of a customer with a field that names the person in charge."""

    kind: RecordKind
    field: str
    condition: str = "TRUE"
    """Which of them, in SQL, the alias being ``k``: work that is done stays with who did it."""
    moved: Moved = _nothing_else
    """Write what else the room keeps of who is in charge, in the same transaction: the person by
    the record's id, when it is handed over and when that is undone."""


_FOLLOWERS: Final[dict[tuple[str, str], Follower]] = {}


def follow(follower: Follower) -> None:
    """Let a kind of work go along with its customer; the same again changes nothing."""
    _FOLLOWERS[follower.kind.name, follower.field] = follower


def followers() -> tuple[Follower, ...]:
    """Give all that goes along, in one order on every server."""
    return tuple(follower for _, follower in sorted(_FOLLOWERS.items()))


class Keeper(msgspec.Struct, frozen=True):
    """A table of children of customers, some of which keep their customer out of the pools."""

    table: str
    until: str
    """To which day, inclusive; in SQL, the alias being ``k``."""
    condition: str
    """Which of them do, in SQL."""


_KEEPERS: Final[dict[str, Keeper]] = {}


def keep(keeper: Keeper) -> None:
    """Let children keep their customers; the same table again changes nothing."""
    _KEEPERS[keeper.table] = keeper


def kept_until() -> str:
    """Give the last day on which anything keeps a customer, in SQL, the alias being ``c``."""
    days = " UNION ALL ".join(
        f"SELECT {each.until} AS until FROM {each.table} k"  # noqa: S608 - registered by the rooms
        f" WHERE k.tenant_id = c.tenant_id AND k.customer_id = c.id AND {each.condition}"
        for _, each in sorted(_KEEPERS.items())
    )
    return f"(SELECT max(kept.until) FROM ({days}) kept)" if days else "NULL::date"  # noqa: S608 - registered by the rooms
