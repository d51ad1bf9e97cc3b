"""How a code is written, checked and made. Pure: no HTTP, no database.

Eleven symbols of 32 and one check symbol, in three groups of four: 55 bits, without I, L, O and U,
which are read as 1 and 0. The check symbol is a weighted sum over the field of 32 elements: the
weights are powers of a generator, none 0 and no two alike. So one wrong symbol is always noticed,
and so are two that changed places, neighbours or not.
"""

import hmac
import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import reduce
from operator import xor
from typing import Final
from uuid import UUID

from server.identity.rules.throttles import Throttle
from server.kit.errors import Conflict, Invalid, NotFound

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOCKED_FOR: Final = timedelta(minutes=15)
"""How long a code is kept for who is about to redeem it."""
GUESSES_BY_PERSON: Final = Throttle("voucher_person", 20, timedelta(hours=1))
"""Well-formed codes of nobody that one person may try."""
GUESSES_BY_AGENT: Final = Throttle("voucher_agent", 100, timedelta(hours=24))
"""The same of everybody of one company together."""

_DATA: Final = 11
_BITS: Final = 5
_GROUP: Final = 4
_POLYNOMIAL: Final = 0b100101
"""x^5 + x^2 + 1: primitive, so that the powers of x are all elements but 0."""
_READ_AS: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


class CodeMistyped(Invalid):
    """What was typed is no code; nothing was looked up."""

    code = "code_mistyped"


class CodeUnknown(NotFound):
    """There is no benefit of one's company with this code."""

    code = "code_unknown"


class CodeLocked(Conflict):
    """Somebody is about to redeem this code."""

    code = "code_locked"


class NothingToRedeem(Conflict):
    """A request that was refused, or is not decided, has no code."""

    code = "nothing_to_redeem"


def written(symbols: Sequence[int]) -> str:
    """Write the data of a code with its check symbol, in groups."""
    assert len(symbols) == _DATA, "eleven symbols carry the code"
    text = "".join(ALPHABET[symbol] for symbol in [*symbols, _check(symbols)])
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def read(text: str) -> str:
    """Read what somebody typed: in either case, with or without hyphens, I and L for 1, O for 0.

    :raises CodeMistyped: a symbol is missing, wrong, or in another's place.
    """
    bare = text.upper().translate(_READ_AS)
    symbols = [ALPHABET.find(symbol) for symbol in bare]
    is_code = len(symbols) == _DATA + 1 and -1 not in symbols
    if not is_code or _check(symbols[:_DATA]) != symbols[_DATA]:
        raise CodeMistyped("There is a typing mistake in this code; read it again.", field="code")
    return written(symbols[:_DATA])


def made(key: bytes, issuance_id: UUID, serial: int) -> str:
    """Make the code of a benefit: the same whenever it is asked for, and kept nowhere.

    :param serial: another one, should the code have been another benefit's.
    """
    drawn = hmac.digest(key, b"code" + issuance_id.bytes + bytes([serial]), "sha256")
    number = int.from_bytes(drawn) >> (len(drawn) * 8 - _DATA * _BITS)
    return written([number >> at & 31 for at in range((_DATA - 1) * _BITS, -1, -_BITS)])


def digest(key: bytes, code: str) -> bytes:
    """Give what is stored of a code: it is found again by it, and cannot be read from it."""
    return hmac.digest(key, b"voucher" + code.encode(), "sha256")


def _double(value: int) -> int:
    """Multiply by the generator."""
    return value << 1 if value < 2 ** (_BITS - 1) else value << 1 ^ _POLYNOMIAL


def _weights() -> Iterator[int]:
    """Give the powers of the generator, from the first on."""
    weight = 1
    while True:
        yield (weight := _double(weight))


_WEIGHTS: Final = tuple(itertools.islice(_weights(), _DATA))


def _times(one: int, other: int) -> int:
    """Multiply in the field."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one, other = _double(one), other >> 1
    return product


def _check(symbols: Sequence[int]) -> int:
    """Sum the symbols, each by the weight of its place; the check symbol's own weight is 1."""
    return reduce(xor, map(_times, symbols, _WEIGHTS))
