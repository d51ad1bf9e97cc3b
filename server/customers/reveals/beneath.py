"""Whose numbers a mask hides beneath a customer: upper rooms register theirs as data."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a customer that may hold numbers."""

    record_id: UUID
    name: str
    fields: Mapping[str, Any]
    """Those that may be hidden, in full."""


def holder(name: str, found: msgspec.Struct, *said: str | None) -> Holder:
    """Give a record by its view; what lies within it, or was said of it, is taken for its remark.

    :param found: the view, nothing hidden, with an `id`.
    """
    texts = {each: getattr(found, each) for each in found.__struct_fields__}
    within = [
        getattr(part, each)
        for held in texts.values()
        if isinstance(held, list)
        for part in held
        for each in getattr(part, "__struct_fields__", ())
    ]
    fields = {each: held for each, held in texts.items() if isinstance(held, str)}
    remarks = [each for each in (fields.get("remark"), *within, *said) if isinstance(each, str)]
    return Holder(record_id=texts["id"], name=name, fields=fields | {"remark": "\n".join(remarks)})


Source = Callable[[Actor, UUID, datetime], Awaitable[Sequence[Holder]]]
"""Gives a room's records of a customer, as far as the actor sees them, nothing hidden."""

_HELD: Final[dict[str, Source]] = {}


def register(kind: str, source: Source) -> None:
    """Add the records of a kind; the same again changes nothing."""
    _HELD[kind] = source


def registered() -> Sequence[tuple[str, Source]]:
    """Give all kinds with their sources, in one order on every server."""
    return sorted(_HELD.items())
