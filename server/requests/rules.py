"""Decide about requests for help: who may do what, when, and what the platform may be told. Pure.

The platform's people help without being told whom. What goes to them is what the agent wrote for
them (`briefing`), with the customer's class and city and the deal's stage in the platform's words;
`ensure_tells_nobody` refuses a briefing from which one reads who the customer is.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.changelog import texts
from server.changelog.kinds import Find
from server.kit import calendars, clock
from server.kit.calendars import ZONE, Calendar
from server.kit.errors import Conflict, Forbidden, Invalid
from sync_protocol.helping import ANSWERS, LIVE, Party, State, Verb, is_possible


class RequestMoved(Conflict):
    """What was asked does not lead on from where the request stands."""

    code = "request_moved"


class RequestUnexplained(Invalid):
    """Nobody declines without a reason, or has helped without a result."""

    code = "request_unexplained"


class RequestNotYours(Forbidden):
    """Managers dispatch, who is to help answers, who asked takes back and judges."""

    code = "request_not_yours"


class RequestAtPlatform(Conflict):
    """The platform's people answer what was sent to them."""

    code = "request_at_platform"


class RequestOfAnother(Invalid):
    """The deal that a request names is another customer's."""

    code = "request_of_another"


class BriefingMissing(Invalid):
    """The platform is told something, or it cannot help."""

    code = "briefing_missing"


class BriefingTells(Invalid):
    """From what is written for the platform one reads who the customer is."""

    code = "briefing_tells"


_HOUR: Final = timedelta(hours=1)
_STEP: Final[Mapping[State, timedelta]] = {State.REQUESTED: 4 * _HOUR, State.DISPATCHED: 9 * _HOUR}
"""How soon the next step is due, in working time: dispatched in half a day, answered in a day."""
_END_OF_DAY: Final = time(18)
_DIGITS_MAX: Final = 7
"""More digits in a row than a price has are a phone's, or a code's."""
_GAPS: Final = re.compile(r"[\s\-()+.\u2010-\u2015]")
_NUMBER: Final = re.compile(rf"\d{{{_DIGITS_MAX + 1},}}")
_CALLED: Final = 3
"""Characters at the beginning of a name by which people know the company: 福满楼 of 福满楼餐饮."""
_NAME_MIN: Final = 2
"""A name of one character stands in any text."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a request."""

    verb: Verb
    text: str | None = None
    verdict: str | None = None


# ------------------------------------------------------------------------- what may be written


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a request's fields into their stored form.

    :raises BadText: naming the field.
    """
    return texts.normal(given, paragraphs=frozenset({"detail", "briefing"}))


def complete(actor: Actor, given: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Let a new request be somebody's who waits for it to be dispatched."""
    return {
        "resource": given["resource"] or "other",
        "state": str(State.REQUESTED),
        "state_since": at_ms,
        "requested_at": at_ms,
        "requested_by": str(actor.user_id),
    }


def take(given: Mapping[str, Any], find: Find) -> dict[str, Any]:
    """Take nothing from the deal that a request names, but refuse another customer's.

    :raises RequestOfAnother: naming the field.
    """
    deal = find("opportunity", given["opportunity_id"]) if given["opportunity_id"] else None
    if deal is not None and deal["customer_id"] != given["customer_id"]:
        raise RequestOfAnother("Choose a deal of this customer.", field="opportunity_id")
    return {}


def follow(actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Say what follows from an edit: help that was promised is due by another day."""
    del actor
    if after["state"] != State.ACCEPTED or before["wished_on"] == after["wished_on"]:
        return {}
    until = wished_until(after["wished_on"])
    return {"due_at": None if until is None else clock.to_ms(until)}


# ---------------------------------------------------------------------------- what becomes of it


def ensure_possible(verb: Verb, state: State) -> None:
    """Refuse what does not lead on.

    :raises RequestMoved: naming where the request stands.
    """
    if not is_possible(verb, state):
        raise RequestMoved(
            f"This request is {state}; look at it and decide again.", field="verb", state=str(state)
        )


def ensure_explained(wish: Wish) -> None:
    """Refuse to decline without a reason, to have helped without a result, to judge without a word.

    :raises RequestUnexplained: naming the field.
    """
    if wish.verb in {Verb.DECLINE, Verb.COMPLETE} and not (wish.text and wish.text.strip()):
        raise RequestUnexplained("Say why not, or what came of it.", field="text")
    if wish.verb is Verb.JUDGE and wish.verdict is None:
        raise RequestUnexplained("Say whether it helped.", field="verdict")


def may(actor: Actor, verb: Verb, request: Mapping[str, Any]) -> bool:
    """Say whether somebody of the company may do this with a request, wherever it stands."""
    person, is_manager = str(actor.user_id), _is_manager(actor)
    match verb:
        case Verb.DISPATCH:
            return is_manager
        case Verb.ACCEPT | Verb.DECLINE | Verb.COMPLETE:
            return not is_at_platform(request) and (is_manager or request["helper_id"] == person)
        case Verb.JUDGE | Verb.CANCEL:
            return is_manager or request["requested_by"] == person


def ensure_may(actor: Actor, verb: Verb, request: Mapping[str, Any]) -> None:
    """Refuse what is somebody else's to do.

    :raises RequestAtPlatform: the platform's people answer.
    :raises RequestNotYours: a manager, who is to help or who asked does this.
    """
    if may(actor, verb, request):
        return
    if verb in ANSWERS and is_at_platform(request):
        raise RequestAtPlatform("This lies with the platform; take it back, or wait for its word.")
    raise RequestNotYours("A manager dispatches, who is to help answers, who asked judges.")


def is_at_platform(request: Mapping[str, Any]) -> bool:
    """Say whether the platform's people are to answer."""
    return request["party"] == Party.PLATFORM and request["state"] in LIVE


def _is_manager(actor: Actor) -> bool:
    """Say whether somebody gives work to others."""
    return Permission.TASKS_ASSIGN in ROLE_PERMISSIONS[actor.role]


def due(calendar: Calendar, state: State, since: datetime) -> datetime | None:
    """Say when a request should have been sent on, or answered.

    :raises NeverOpen: by this calendar nothing is ever worked.
    """
    return calendars.after(calendar, since, _STEP[state]) if state in _STEP else None


def wished_until(wished_on: str | None) -> datetime | None:
    """Say until when help should have come that was promised: the end of the day wished for."""
    if wished_on is None:
        return None
    return datetime.combine(date.fromisoformat(wished_on), _END_OF_DAY, ZONE)


# ------------------------------------------------------------------------ what the platform sees


def names_of(customer_name: str, calling: str, others: Iterable[str]) -> list[str]:
    """Give the words by which one knows a customer.

    :param calling: its name without place and legal form, of which people say the beginning.
    :param others: what its people and places are called.
    """
    return [customer_name, calling, calling[:_CALLED], *others]


def ensure_tells_nobody(briefing: str | None, names: Iterable[str]) -> str:
    """Give a briefing that tells the platform something, and not whom it is about.

    :param names: see `names_of`.
    :raises BriefingMissing: there is none.
    :raises BriefingTells: naming what gives the customer away.
    """
    if briefing is None or not briefing.strip():
        raise BriefingMissing("Write for the platform what you need.", field="briefing")
    plain = unicodedata.normalize("NFKC", briefing).casefold()
    squeezed = _GAPS.sub("", plain)
    for name in names:
        wanted = _GAPS.sub("", unicodedata.normalize("NFKC", name).casefold())
        if len(wanted) >= _NAME_MIN and wanted in squeezed:
            raise BriefingTells(
                f"The platform must not read who it is; take out “{name}”.",
                field="briefing",
                what=name,
            )
    if _NUMBER.search(squeezed) or "@" in plain:
        raise BriefingTells(
            "The platform must not read a phone, a number or an address; take it out.",
            field="briefing",
            what="number",
        )
    return briefing
