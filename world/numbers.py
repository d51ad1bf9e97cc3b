"""Phones and credit codes that are valid, never repeat within a world, and belong to nobody.

China reserves no range of numbers for fiction. Every mobile here lies in +86 192 0xxx xxxx, a young
range that phonenumbers accepts, and every organisation code starts with MAX, which the register
(it stood in MAE when this was written) will not reach for years.
"""

import random
from typing import Final

import msgspec

USCC_SYMBOLS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 symbols of GB 32100-2015: no I, O, S, V, Z."""

_PHONE_PREFIX: Final = "+861920"
_PHONES: Final = 10_000_000
_ORGANISATION_PREFIX: Final = "MAX"
_ORGANISATIONS: Final = len(USCC_SYMBOLS) ** 5
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_USCC_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ORGANISATION_SYMBOLS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Walk(msgspec.Struct):
    """A way through 0 ... size-1 that meets each number once and looks like chance.

    The step shares no divisor with the size, so the walk closes only after every number was met.
    """

    size: int
    position: int
    step: int

    def __next__(self) -> int:
        """Give the next number."""
        self.position = (self.position + self.step) % self.size
        return self.position


def walk(rng: random.Random, size: int, coprime: int) -> Walk:
    """Start a walk. `coprime` is a prime that does not divide the size, so its powers are steps."""
    step = pow(coprime, rng.randrange(3, 40)) % size
    return Walk(size, rng.randrange(size), step)


class Numbers(msgspec.Struct, frozen=True):
    """The numbers of one world, each handed out once."""

    phones: Walk
    organisations: Walk

    def phone(self) -> str:
        """Give the next mobile, in E.164."""
        return f"{_PHONE_PREFIX}{next(self.phones):07d}"

    def uscc(self, region: str) -> str:
        """Give the next credit code of a company registered in the region (six digits)."""
        value = next(self.organisations)
        tail = ""
        for _ in range(5):
            value, digit = divmod(value, len(USCC_SYMBOLS))
            tail = USCC_SYMBOLS[digit] + tail
        organisation = _ORGANISATION_PREFIX + tail
        body = f"91{region}{organisation}{organisation_symbol(organisation)}"
        return body + uscc_symbol(body)


def start(rng: random.Random) -> Numbers:
    """Start the numbers of a world."""
    # 10^7 = 2^7 * 5^7 and 31^5: neither is divided by 7 or 3.
    return Numbers(walk(rng, _PHONES, 7), walk(rng, _ORGANISATIONS, 3))


def organisation_symbol(code: str) -> str:
    """Compute the check symbol of an organisation code of eight symbols (GB 11714-1997)."""
    total = sum(
        _ORGANISATION_SYMBOLS.index(symbol) * weight
        for symbol, weight in zip(code, _ORGANISATION_WEIGHTS, strict=True)
    )
    return "0123456789X0"[11 - total % 11]


def uscc_symbol(body: str) -> str:
    """Compute the check symbol of the first 17 symbols of a credit code (GB 32100-2015)."""
    total = sum(
        USCC_SYMBOLS.index(symbol) * weight
        for symbol, weight in zip(body, _USCC_WEIGHTS, strict=True)
    )
    return USCC_SYMBOLS[-total % 31]


def broken_uscc(rng: random.Random, code: str) -> str:
    """Spoil a credit code as a typing hand does: one symbol becomes another, so the check fails."""
    place = rng.randrange(8, 17)
    others = [symbol for symbol in USCC_SYMBOLS if symbol != code[place]]
    return code[:place] + rng.choice(others) + code[place + 1 :]
