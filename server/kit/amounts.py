"""Amounts of money as people write them, in forms as in spreadsheets."""

import re
import unicodedata
from decimal import Decimal
from typing import Final

from billing.money import decimals
from sync_protocol.schema import MAX_REVENUE_MINOR

_AMOUNT: Final = re.compile(r"(-?[0-9][0-9,]{0,30}(?:\.[0-9]{1,30})?)(万|亿)?元?")
"""Bounded, so that no text becomes a number that takes long."""
_UNITS: Final = {None: 1, "万": 10_000, "亿": 100_000_000}
_FEN: Final = 100
"""Of a yuan."""


def fen(text: str) -> int:
    """Read an amount in yuan as fen: 12,000.50, ￥1.2万, 3亿元.

    :raises ValueError: it is none, has a part of a fen, or no record holds it; says how to write.
    """
    written = unicodedata.normalize("NFKC", text).replace(" ", "").lstrip("¥￥")
    match = _AMOUNT.fullmatch(written)
    # The number of a note (①, ²) would become a digit.
    if match is None or any(unicodedata.category(each) == "No" for each in text):
        raise ValueError("Write an amount in yuan, as in 12000.50 or 1.2万.")
    read = Decimal(match[1].replace(",", "")) * _UNITS[match[2]] * _FEN
    if read != int(read):
        raise ValueError("An amount has at most two decimals.")
    return within(int(read))


def within(fen_: int) -> int:
    """Give an amount back that a record can hold.

    :raises ValueError: none can.
    """
    if not 0 <= fen_ <= MAX_REVENUE_MINOR:
        raise ValueError("Write an amount from nothing to a hundred billion yuan.")
    return fen_


def scale(currency: str) -> int:
    """Say how many decimals an amount of a currency is written with."""
    return decimals(currency)
