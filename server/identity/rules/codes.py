"""One-time codes: read aloud, typed from one screen into another, good once.

The symbols are the 31 that are not mistaken for each other (no I, L, O, 0, 1). The number is prime,
so the check symbol at the end, a sum with the weights 1, 2, 3 ..., finds every single wrong symbol
and every swap of two as long as there are fewer than 31 of them.
"""

import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from server.kit.errors import Invalid
from server.kit.text import clean

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_TYPED_MAX: Final = 40


class Kind(msgspec.Struct, frozen=True):
    """One kind of code: how long it is, where it leads, and how a wrong one is refused."""

    name: str
    """Goes into the fingerprint, so that a code of one kind is none of another."""
    symbols: int
    """Without the check symbol."""
    group: int
    """How many symbols stand together when it is spelled for people."""
    page: str
    """The page that takes it."""
    mistyped: type[Invalid]
    refused: type[Invalid]

    def new(self, pick: Callable[[str], str]) -> str:
        """Make a code; `pick` chooses one of the given symbols at random."""
        symbols = "".join(pick(ALPHABET) for _ in range(self.symbols))
        return symbols + check_symbol(symbols)

    def shown(self, code: str) -> str:
        """Spell a code for people: ``ABC-DEF-GHJ``."""
        starts = range(0, len(code), self.group)
        return "-".join(code[start : start + self.group] for start in starts)

    def uri(self, code: str, *, public_url: str) -> str:
        """Give the link that is passed on. What stands behind the # is neither sent nor logged."""
        return f"{public_url.rstrip('/')}/{self.page}#{code}"

    def read(self, text: str) -> str:
        """Read a code as somebody typed it: any case, spaces and dashes are ignored.

        :raises Invalid: this kind's `mistyped`, when the check symbol does not fit.
        """
        code = clean(text[:_TYPED_MAX]).upper().replace("-", "").replace(" ", "")
        is_whole = len(code) == self.symbols + 1 and set(code) <= set(ALPHABET)
        if not is_whole or check_symbol(code[: self.symbols]) != code[self.symbols]:
            raise self.mistyped("Check the code; a symbol is wrong or missing.", field="code")
        return code

    def fingerprint(self, code: str, *, key: bytes) -> bytes:
        """Give what is stored in a code's place; keyed, since one could hash all that there are."""
        return hmac.digest(key, f"tonglu {self.name}\0{code}".encode(), "sha256")

    def refusal(self) -> Invalid:
        """Refuse a code that is none, used or over; which of these is not told."""
        return self.refused("Ask for a new code; this one is used or over.", field="code")


def check_symbol(symbols: str) -> str:
    """Compute the check symbol."""
    total = sum(weight * ALPHABET.index(symbol) for weight, symbol in enumerate(symbols, start=1))
    return ALPHABET[total % len(ALPHABET)]
