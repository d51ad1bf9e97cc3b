"""Hide the mobile numbers that people type into free text from whom phones are hidden. Pure."""

import re
from typing import Final

from server.kit.errors import Forbidden
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
