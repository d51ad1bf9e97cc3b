"""Decide what may be written of a visit, and by whom."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from server.access import Actor
from server.changelog import texts
from server.kit.errors import Conflict, Forbidden, Invalid

FACTS: Final = (
    "checked_in_at",
    "lat",
    "lng",
    "accuracy_m",
    "fix_age_s",
    "is_mocked",
)
"""What is told at the moment of checking in, all at once."""
_POSITION: Final = ("lat", "lng")
_PARAGRAPHS: Final = frozenset({"summary"})


class Appeal(StrEnum):
    """How far the word of a visitor against the score has come."""

    OPEN = "open"
    """Waits for a manager."""
    UPHELD = "upheld"
    """The manager takes the visit for what the visitor says it is."""
    REJECTED = "rejected"
    """The score stands."""


class VisitTold(Conflict):
    """What was checked in or out stands; it is not told anew."""

    code = "visit_told"


class VisitOver(Conflict):
    """The visit was cancelled, or has taken place, so that this cannot be done any more."""

    code = "visit_over"


class VisitNotBegun(Invalid):
    """Something of a visit is told that only a check-in can tell, and there was none."""

    code = "visit_not_begun"


class VisitOutOfOrder(Invalid):
    """A visit ends before it began."""

    code = "visit_out_of_order"


class NotYourVisit(Forbidden):
    """A visit is told by whoever makes it."""

    code = "not_your_visit"


class NothingToAppeal(Conflict):
    """There is no score yet that one could speak against, or that was done already."""

    code = "nothing_to_appeal"


class OwnAppeal(Forbidden):
    """Nobody decides about the own visit."""

    code = "own_appeal"


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a visit's fields into their stored form.

    :raises BadText: naming the field.
    """
    return texts.normal(given, paragraphs=_PARAGRAPHS)


def complete(actor: Actor, _given: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Say who goes: whoever writes the visit down."""
    return {"visitor_id": str(actor.user_id)}


def allow(actor: Actor, before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Refuse whoever would tell somebody else's visit.

    :raises NotYourVisit: always then.
    """
    if before is not None and before["visitor_id"] != str(actor.user_id):
        raise NotYourVisit("Only the visitor writes about this visit.")


def check(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse what no visit can be: facts that change, an end before the beginning.

    :raises VisitTold, VisitOver, VisitNotBegun, VisitOutOfOrder: naming the field.
    """
    if before is not None:
        _ensure_kept(before, after)
    begun, ended = after["checked_in_at"], after["checked_out_at"]
    if after["cancelled_at"] is not None and begun is not None:
        raise VisitOver("A visit that has begun is not cancelled.", field="cancelled_at")
    if begun is None:
        for name in (*FACTS, "checked_out_at"):
            if after[name] is not None:
                raise VisitNotBegun("Check in first; this belongs to a check-in.", field=name)
    elif (after["lat"] is None) is not (after["lng"] is None):
        missing = next(name for name in _POSITION if after[name] is None)
        raise VisitNotBegun("A position has a latitude and a longitude.", field=missing)
    if begun is not None and ended is not None and ended < begun:
        raise VisitOutOfOrder("A visit ends after it began.", field="checked_out_at")


def _ensure_kept(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse to tell anew what was told."""
    if before["checked_in_at"] is not None:
        for name in FACTS:
            if before[name] != after[name]:
                raise VisitTold("This visit was checked in; that stands as it is.", field=name)
        if before["planned_at"] != after["planned_at"]:
            raise VisitOver("This visit has taken place; plan another one.", field="planned_at")
    for name in ("checked_out_at", "cancelled_at"):
        if before[name] is not None and before[name] != after[name]:
            raise VisitTold("This was told before; it stands as it is.", field=name)
    if before["cancelled_at"] is not None and after["checked_in_at"] is not None:
        raise VisitOver("This visit was cancelled; make a new one.", field="checked_in_at")


def ensure_appealable(score: int | None, state: str | None) -> None:
    """Refuse an appeal where there is nothing to speak against.

    :raises NothingToAppeal: no score yet, or it was appealed before.
    """
    if score is None:
        raise NothingToAppeal("This visit has no score yet; come again in a moment.")
    if state is not None:
        raise NothingToAppeal("This score was appealed before.")


def ensure_open(state: str | None) -> None:
    """Refuse to decide what nobody appealed, or what is decided.

    :raises NothingToAppeal: always then.
    """
    if state != Appeal.OPEN:
        raise NothingToAppeal("There is no open appeal here.")
