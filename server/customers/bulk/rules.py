"""Decide what a bulk change alters in a record, and what undoing it brings back. Pure."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from server.kit.errors import Conflict, Invalid
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import SetChange

UNDONE_WITHIN: Final = timedelta(days=30)
NO_TAGS: Final = SetChange(add=(), remove=())
ASSIGNMENT: Final = frozenset({"owner_id", "team_id"})
"""What says whose a customer is; the two go together."""


class TooManyCustomers(Invalid):
    """A bulk change takes so many customers at most."""

    code = "too_many_customers"


class NothingAsked(Invalid):
    """The bulk change names no field, or no customers."""

    code = "nothing_asked"


class UndoTooLate(Conflict):
    """The bulk change is too old to be undone."""

    code = "undo_too_late"


class UndoImpossible(Conflict):
    """What stood before cannot stand again: somebody or something of it is gone."""

    code = "undo_impossible"


class Before(msgspec.Struct, frozen=True):
    """What stood in a record before a bulk change: only what it really altered."""

    fields: dict[str, Any] = {}
    added: list[str] = []
    removed: list[str] = []
    seq: int = 0
    """The sequence that the bulk change's own write of the record got."""


def alteration(
    held: HeldRecord, fields: Mapping[str, Any], tags: SetChange = NO_TAGS
) -> tuple[dict[str, Any], SetChange, Before] | None:
    """Give what a change alters in a record, and what stood there; None when it is so already.

    :param fields: the wanted values in their normal form.
    """
    altered = {name: value for name, value in fields.items() if held.fields.get(name) != value}
    present = set(held.fields.get("tags") or ())
    added = sorted(set(tags.add) - present)
    removed = sorted(present.intersection(tags.remove))
    if not (altered or added or removed):
        return None
    before = Before({name: held.fields.get(name) for name in altered}, added, removed)
    return altered, SetChange(add=tuple(added), remove=tuple(removed)), before


def restoration(
    held: HeldRecord, before: Before, gone: AbstractSet[str] = frozenset()
) -> tuple[dict[str, Any], SetChange, bool]:
    """Give what brings a record back, and whether all of it: what was written since stays.

    :param gone: tags that are there no longer, and so do not come back.
    """
    mine = {
        name: value for name, value in before.fields.items() if held.version(name).seq == before.seq
    }
    if any(held.version(name).seq > before.seq for name in ASSIGNMENT.intersection(held.fields)):
        # Whoever has got it since keeps it in their team.
        mine = {name: value for name, value in mine.items() if name not in ASSIGNMENT}
    present = set(held.fields.get("tags") or ())
    added = [tag for tag in before.added if tag in present]
    removed = [tag for tag in before.removed if tag not in present and tag not in gone]
    is_whole = (
        len(mine) == len(before.fields)
        and len(added) == len(before.added)
        and len(removed) == len(before.removed)
    )
    return mine, SetChange(add=tuple(removed), remove=tuple(added)), is_whole


def ensure_not_too_late(made_at: datetime, now: datetime) -> None:
    """Refuse to undo what is long past.

    :raises UndoTooLate: saying until when it could be.
    """
    if now - made_at > UNDONE_WITHIN:
        raise UndoTooLate(
            f"This can be undone for {UNDONE_WITHIN.days} days; change the customers anew instead."
        )
