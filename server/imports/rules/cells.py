"""Read cells as people and spreadsheet programs write them: digits, amounts, ids."""

import re
import unicodedata
from typing import Final
from uuid import UUID

from server.kit import amounts
from sync_protocol import custom_texts

_SUMS: Final = frozenset({"合计", "总计", "小计", "总和", "total", "subtotal", "grandtotal"})
"""What stands where a name would in a row that adds up the others."""
_WHOLE_FLOAT: Final = re.compile(r"(\+?[0-9]{5,})\.0+")
"""Digits that a program took for a number and wrote with a point."""
_SHORTENED: Final = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")
"""Digits that a spreadsheet shortened to what fits its column: the others are lost."""


class CellUnread(Exception):
    """A cell that cannot be understood."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def is_sum(name: str | None) -> bool:
    """Say whether a row of this name is the line under a table."""
    return name is not None and re.sub(r"[\s:：]", "", name).lower() in _SUMS


def digits(text: str) -> str:
    """Read digits that are a name, not a number, whatever a spreadsheet made of them.

    :raises CellUnread: some of them are lost.
    """
    if _SHORTENED.fullmatch(text):
        raise CellUnread(
            "digits_lost", "The spreadsheet shortened this number; set the column to text first."
        )
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole[1] if whole else text


def record_id(text: str) -> str:
    """Read the id that an export wrote.

    :raises CellUnread: it is none.
    """
    try:
        return str(UUID(text))
    except ValueError as error:
        raise CellUnread("bad_id", "This is not the id of an export; leave it empty.") from error


def minor_units(text: str) -> int:
    """Read an amount in yuan as fen: 12,000.50, ￥1.2万, 3亿元.

    :raises CellUnread: it is none, or has a part of a fen.
    """
    try:
        return amounts.fen(text)
    except ValueError as error:
        raise CellUnread("bad_amount", str(error)) from error


def whole(text: str) -> int:
    """Read an amount in fen.

    :raises CellUnread: it is none.
    """
    try:
        fen = int(unicodedata.normalize("NFKC", text).replace(",", ""))
    except ValueError as error:
        raise CellUnread("bad_amount", "Write a whole number of fen.") from error
    try:
        return amounts.within(fen)
    except ValueError as error:
        raise CellUnread("bad_amount", str(error)) from error


def day(text: str) -> str:
    """Read a day: 2027-01-31, 2027年1月31日, 2027/1/31 09:00, or a spreadsheet's count of days.

    :raises CellUnread: it is none.
    """
    found = custom_texts.day(text)
    if found is None:
        raise CellUnread("bad_day", "Write a day, as in 2027-01-31.")
    return found
