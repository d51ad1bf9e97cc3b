"""Hide the mobile numbers that people type into free text from whom phones are hidden. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from server.kit.errors import Forbidden, TooManyRequests
from sync_protocol.texts import folded

_DIGIT: Final = "[0-9０-９]"
_GAP: Final = "[ \u3000.·‐–—－-]?"
_BEGIN: Final = f"[1１][3-9３-９]{_DIGIT}"
_MOBILE: Final = re.compile(
    rf"(?<![0-9A-Za-z０-９])(?:[+＋]?[8８][6６]{_GAP})?({_BEGIN}){_GAP}({_DIGIT}{{4}}){_GAP}"
    rf"({_DIGIT}{{4}})(?![0-9A-Za-z０-９])"
)
"""A Chinese mobile number as people write it; ids and credit codes have letters around theirs."""
_STAND_IN: Final = re.compile(rf"{_BEGIN}\*{{4}}{_DIGIT}{{4}}")
"""What is shown in its place."""


class PhoneHidden(Forbidden):
    """The phone of this customer is hidden from the person."""

    code = "phone_hidden"


class RevealQuotaReached(TooManyRequests):
    """The person has looked at as many hidden phones today as one may."""

    code = "reveal_quota_reached"


def ensure_within_quota(quota: int | None, seen_today: int) -> None:
    """Refuse a look at the numbers of one more customer than a day allows.

    :param quota: how many customers' a person may see a day; None is no limit.
    :raises RevealQuotaReached: as many were seen today.
    """
    if quota is not None and seen_today >= quota:
        raise RevealQuotaReached(
            f"You have looked at the numbers of {seen_today} customers today, "
            "as many as one may; come tomorrow, or ask the customer's owner.",
            limit=quota,
        )


def in_text(text: str) -> str:
    """Hide the middle of every mobile number in a text.

    >>> in_text("找王芳 138 1234 5678")
    '找王芳 138****5678'
    """
    return _MOBILE.sub(r"\1****\3", text)


def numbers_in(text: str) -> list[str]:
    """Give the mobile numbers that `in_text` hides, as they are dialled."""
    return [f"+86{folded(''.join(found))}" for found in _MOBILE.findall(text)]


def ensure_not_written_over(held: object, given: object, field: str) -> None:
    """Refuse a text that says stars where the held one has a number: it was shown so.

    :raises PhoneHidden: naming the field.
    """
    if not (isinstance(held, str) and isinstance(given, str)):
        return
    shown = set(_STAND_IN.findall(in_text(held))) - set(_STAND_IN.findall(held))
    if shown.intersection(_STAND_IN.findall(given)):
        raise PhoneHidden(
            "A number in this text is hidden from you, and would be lost; add a note instead.",
            field=field,
        )


def restored(given: str, shown: Iterable[str | None], field: str) -> str:
    """Give a text in full that comes back from a form as it was shown there, with stars.

    :param shown: the texts that the form may have been filled with, in full.
    :raises PhoneHidden: it says the stars and was changed; naming the field.
    """
    full = [each for each in shown if each is not None]
    for each in full:
        if in_text(each) == given:
            return each
    for each in full:
        ensure_not_written_over(each, given, field)
    return given
