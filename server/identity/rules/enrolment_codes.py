"""Enrolment codes: short, typed from one screen into another, good for one device.

Eight symbols and a check symbol out of 31 that are not mistaken for each other (no I, L, O, 0,
1). The number is prime, so the check symbol, a sum with the weights 1 to 8, finds every single
wrong symbol and every swap of two. 31**8 codes are 8.5e11: with a life of 15 minutes and few
tries allowed an address, guessing is hopeless.
"""

import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from server.kit.errors import Invalid
from server.kit.text import clean

LIFE: Final = timedelta(minutes=15)
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
SYMBOLS: Final = 8
"""Without the check symbol."""


class EnrolmentCodeMistyped(Invalid):
    """The check symbol does not fit: a symbol is wrong or two are swapped."""

    code = "enrolment_code_mistyped"


class EnrolmentCodeRefused(Invalid):
    """No such code, or it is used or over."""

    code = "enrolment_code_refused"


def new_code(pick: Callable[[str], str]) -> str:
    """Make a code; `pick` chooses one of the given symbols at random."""
    symbols = "".join(pick(ALPHABET) for _ in range(SYMBOLS))
    return symbols + _check(symbols)


def shown(code: str) -> str:
    """Spell a code for people: ``ABC-DEF-GHJ``."""
    return "-".join(code[start : start + 3] for start in range(0, len(code), 3))


def read(text: str) -> str:
    """Read a code as somebody typed it: any case, spaces and dashes are ignored.

    :raises EnrolmentCodeMistyped: when the check symbol does not fit.
    """
    code = clean(text[:40]).upper().replace("-", "").replace(" ", "")
    is_whole = len(code) == SYMBOLS + 1 and set(code) <= set(ALPHABET)
    if not is_whole or _check(code[:SYMBOLS]) != code[SYMBOLS]:
        raise EnrolmentCodeMistyped("Check the code; a symbol is wrong or missing.", field="code")
    return code


def fingerprint(code: str, *, key: bytes) -> bytes:
    """Give what is stored in its place; keyed, since one could hash all codes that there are."""
    return hmac.digest(key, b"tonglu enrolment code\0" + code.encode(), "sha256")


def uri(code: str, *, public_url: str) -> str:
    """Give what the QR says. What stands behind the # is neither sent nor logged."""
    return f"{public_url.rstrip('/')}/enrol#{quote(code)}"


def _check(symbols: str) -> str:
    """Compute the check symbol."""
    total = sum(weight * ALPHABET.index(symbol) for weight, symbol in enumerate(symbols, start=1))
    return ALPHABET[total % len(ALPHABET)]
