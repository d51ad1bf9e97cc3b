"""Turn a row of a spreadsheet into a product and its price, or say what is wrong with it. Pure."""

import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from server.imports.rules import cells
from server.imports.rules.cells import CellUnread
from server.imports.rules.rows import Interpreted, Problem
from server.kit.text import clean
from server.sales.schemas import Code, Name, Price, ShortName, Tax, Unit

READING: Final = "reading"
_PERCENT: Final = 100
"""One percent, in hundredths of one."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a good row says; None where it says nothing."""

    id: str | None = None
    code: Code | None = None
    name: Name | None = None
    unit: Unit | None = None
    tax: Tax | None = None
    """Hundredths of a percent."""
    book: ShortName | None = None
    list_price: Price | None = None
    """In the book's currency, hundredths."""
    floor_price: Price | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Give what tells the product from others of a file."""
        return (
            ("id", self.id)
            if self.id
            else ("code", self.code or "")
            if self.code
            else (
                "name",
                self.name or "",
            )
        )


def reading_of(row: Interpreted) -> Reading:
    """Give what was understood of a good row."""
    reading: Reading = row.fields[READING]
    return reading


def read_row(number: int, given: Mapping[str, str]) -> Interpreted:
    """Understand a row; every cell is looked at, so that all that is wrong is told at once."""
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, text in given.items():
        try:
            read[column] = _READERS.get(column, clean)(text)
            msgspec.convert({column: read[column]}, Reading)
        except CellUnread as problem:
            problems.append(Problem(column, problem.code, problem.detail))
        except msgspec.ValidationError:
            detail = "This is too long, too large, or has signs that cannot be kept."
            problems.append(Problem(column, "bad_value", detail))
    if cells.is_sum(read.get("name")):
        problems.append(Problem("name", "sum_row", "This row adds up others; it is no product."))
    problems += [] if problems else _missing(read)
    if problems:
        return Interpreted(number, {}, problems=tuple(problems))
    return Interpreted(number, {READING: msgspec.convert(read, Reading)}, read.get("id"))


def _missing(read: Mapping[str, Any]) -> list[Problem]:
    """Say what a row lacks: whose it is, and of a price its book, of a floor its price."""
    if not any(read.get(name) for name in ("id", "code", "name")):
        return [Problem("name", "field_required", "The name is missing.")]
    if "list_price" in read and "book" not in read:
        return [Problem("book", "field_required", "Say in which price book this price holds.")]
    if "floor_price" in read and "list_price" not in read:
        return [Problem("list_price", "field_required", "A floor stands below a price; give it.")]
    if "floor_price" in read and read["floor_price"] > read["list_price"]:
        detail = "The floor is at most the list price; set it lower."
        return [Problem("floor_price", "floor_above_list", detail)]
    return []


def _tax(text: str) -> int:
    """Read a tax rate, such as 13 or 13%, in hundredths of a percent.

    :raises CellUnread: it is none, or a part of a percent without a sign: 0.13 is meant for 13 %.
    """
    written = unicodedata.normalize("NFKC", text).replace(" ", "")
    has_sign = written.endswith("%")
    try:
        bp = Decimal(written.removesuffix("%")) * 100
        if not bp.is_finite() or bp != int(bp):
            raise CellUnread("bad_tax", "Write a tax rate in percent, such as 13 or 9%.")
    except (InvalidOperation, OverflowError) as error:
        raise CellUnread("bad_tax", "Write a tax rate in percent, such as 13 or 9%.") from error
    if 0 < bp < _PERCENT and not has_sign:
        raise CellUnread("bad_tax", "Write the sign: 13% for thirteen percent, or 0.5% for a half.")
    return int(bp)


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "id": cells.record_id,
    "code": lambda text: clean(cells.digits(text)),
    "tax": _tax,
    "list_price": cells.minor_units,
    "floor_price": cells.minor_units,
}
"""Columns whose cells are more than a text."""
