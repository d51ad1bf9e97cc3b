"""How a route is asked: a case of the matrix, and a body with another id in it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from server.access import Role
from tests.isolation.world import Company

Body = Callable[[Company], Any]


Route = tuple[str, str]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """How a route is asked."""

    ids: dict[str, str] = {}
    """Where it takes an id, and of what; only ids that belong to a tenant."""
    shared: dict[str, str] = {}
    """Where it takes an id that is of no tenant."""
    words: dict[str, str] = {}
    """Other parameters of the path."""
    new_ids: tuple[str, ...] = ()
    """Where the sender makes a new id: the same id may stand in another tenant."""
    query: dict[str, str] = {}
    """Parameters that are always there."""
    file: bytes = b""
    """A file that is sent instead of a body."""
    body: Body | None = None
    """A body that is accepted; ids in it are replaced one by one."""
    role: Role = Role.AGENT_OWNER
    """Who may do it."""
    is_page: bool = False
    """A page: signed in by cookie, sends forms."""
    spends: str = ""
    """The place whose record is gone afterwards, so that each try takes a fresh one."""
    answers: dict[str, int] = {}
    """Place -> status, where an id of another company is not answered by 404."""
    succeeds: bool = True
    """False where one's own ids are refused as well, with the reason in a comment."""


def replaced(body: Any, place: str, value: UUID | str) -> Any:
    """Give a body with one id in it replaced; ``customers.0.tags.0`` is a place."""
    head, _, rest = place.partition(".")
    if isinstance(body, list):
        items = list(body)
        items[int(head)] = replaced(items[int(head)], rest, value) if rest else str(value)
        return items
    fields = dict(body)
    if not rest:
        return {**fields, head: str(value)}
    missing: Any = [] if rest.partition(".")[0].isdigit() else {}
    held = fields.get(head, missing)
    if held == [] and rest.isdigit():
        return {**fields, head: [str(value)]}
    return {**fields, head: replaced(held, rest, value)}
