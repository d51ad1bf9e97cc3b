"""Decide what may be written of a call, and by whom."""

from collections.abc import Mapping
from typing import Any, Final

from server.access import Actor
from server.changelog import texts
from server.kit.errors import Forbidden, Invalid

_PARAGRAPHS: Final = frozenset({"note"})
_ANSWERED: Final = frozenset({"answered", "refused", "opted_out"})
"""What comes of a call only where somebody answers."""


class NotYourCall(Forbidden):
    """A call is told by whoever made or took it."""

    code = "not_your_call"


class CallUnanswered(Invalid):
    """Nobody talks for a while in a call that nobody answers."""

    code = "call_unanswered"


class PhoneOptedOut(Forbidden):
    """Whoever has this phone has asked not to be called, by any company of the channel."""

    code = "phone_opted_out"


class NoPhone(Invalid):
    """There is no phone to dial."""

    code = "no_phone"


def normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a call's fields into their stored form.

    :raises BadText: naming the field.
    """
    return texts.normal(given, paragraphs=_PARAGRAPHS)


def complete(actor: Actor, _given: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Say who called or was called: whoever writes it down."""
    return {"caller_id": str(actor.user_id)}


def allow(actor: Actor, before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Refuse whoever would tell somebody else's call.

    :raises NotYourCall: always then.
    """
    if before is not None and before["caller_id"] != str(actor.user_id):
        raise NotYourCall("Only who made or took this call writes about it.")


def check(_before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse what no call can be.

    :raises CallUnanswered: naming the field.
    """
    if after["duration_s"] and after["outcome"] not in _ANSWERED:
        raise CallUnanswered("Nobody answered; leave the duration out.", field="duration_s")
