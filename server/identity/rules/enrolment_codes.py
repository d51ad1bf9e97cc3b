"""Enrolment codes: short, typed from one screen into another, good for one device.

31**8 codes are 8.5e11: with a life of 15 minutes and few tries allowed an address, guessing is
hopeless.
"""

import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from server.identity.rules.codes import ALPHABET, Shape
from server.kit.errors import Invalid

LIFE: Final = timedelta(minutes=15)
SYMBOLS: Final = 8
"""Without the check symbol."""
_SHAPE: Final = Shape(symbols=SYMBOLS, group=3)

__all__ = ["ALPHABET", "LIFE", "SYMBOLS", "fingerprint", "new_code", "read", "shown", "uri"]


class EnrolmentCodeMistyped(Invalid):
    """The check symbol does not fit: a symbol is wrong or two are swapped."""

    code = "enrolment_code_mistyped"


class EnrolmentCodeRefused(Invalid):
    """No such code, or it is used or over."""

    code = "enrolment_code_refused"


def new_code(pick: Callable[[str], str]) -> str:
    """Make a code; `pick` chooses one of the given symbols at random."""
    return _SHAPE.new(pick)


def shown(code: str) -> str:
    """Spell a code for people: ``ABC-DEF-GHJ``."""
    return _SHAPE.shown(code)


def read(text: str) -> str:
    """Read a code as somebody typed it: any case, spaces and dashes are ignored.

    :raises EnrolmentCodeMistyped: when the check symbol does not fit.
    """
    code = _SHAPE.read(text)
    if code is None:
        raise EnrolmentCodeMistyped("Check the code; a symbol is wrong or missing.", field="code")
    return code


def fingerprint(code: str, *, key: bytes) -> bytes:
    """Give what is stored in its place; keyed, since one could hash all codes that there are."""
    return hmac.digest(key, b"tonglu enrolment code\0" + code.encode(), "sha256")


def uri(code: str, *, public_url: str) -> str:
    """Give what the QR says. What stands behind the # is neither sent nor logged."""
    return f"{public_url.rstrip('/')}/enrol#{quote(code)}"
