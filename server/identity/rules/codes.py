"""Codes that people pass on: read aloud, typed from one screen into another, good once.

The symbols are the 31 that are not mistaken for each other (no I, L, O, 0, 1). The number is prime,
so the check symbol at the end, a sum with the weights 1, 2, 3 ..., finds every single wrong symbol
and every swap of two as long as there are fewer than 31 of them.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from server.kit.text import clean

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_TYPED_MAX: Final = 40


class Shape(msgspec.Struct, frozen=True):
    """How long a kind of code is, and how it is spelled for people."""

    symbols: int
    """Without the check symbol."""
    group: int

    def new(self, pick: Callable[[str], str]) -> str:
        """Make a code; `pick` chooses one of the given symbols at random."""
        symbols = "".join(pick(ALPHABET) for _ in range(self.symbols))
        return symbols + check_symbol(symbols)

    def shown(self, code: str) -> str:
        """Spell a code for people: ``ABC-DEF-GHJ``."""
        starts = range(0, len(code), self.group)
        return "-".join(code[start : start + self.group] for start in starts)

    def read(self, text: str) -> str | None:
        """Read a code as somebody typed it: any case, spaces and dashes are ignored.

        Null when the check symbol does not fit.
        """
        code = clean(text[:_TYPED_MAX]).upper().replace("-", "").replace(" ", "")
        is_whole = len(code) == self.symbols + 1 and set(code) <= set(ALPHABET)
        is_right = is_whole and check_symbol(code[: self.symbols]) == code[self.symbols]
        return code if is_right else None


def check_symbol(symbols: str) -> str:
    """Compute the check symbol."""
    total = sum(weight * ALPHABET.index(symbol) for weight, symbol in enumerate(symbols, start=1))
    return ALPHABET[total % len(ALPHABET)]
