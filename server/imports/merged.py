"""Cells of a workbook that are one cell over several rows: what stands there is said of each row.

A number is said of all these rows together, as an amount is, and stays the first one's.
"""

import re
from collections.abc import Iterator
from typing import Final

_SPAN: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})")


class Merged:
    """The merged cells of one sheet; its rows are looked at once, from the first to the last."""

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._spans)

    def note(self, ref: str) -> None:
        """Note a merged cell (``A2:B4``), unless it is one over columns alone."""
        place = _SPAN.fullmatch(ref)
        if place is not None and int(place[2]) < int(place[3]):
            self._spans.setdefault(place[1], []).append((int(place[2]), int(place[3])))

    def columns(self) -> "list[_Column]":
        """Give the columns in which such cells stand."""
        return [_Column(column_of(letters), spans) for letters, spans in self._spans.items()]


class _Column:
    """The merged cells of one column, on the way down."""

    def __init__(self, at: int, spans: list[tuple[int, int]]) -> None:
        self.at = at
        self._spans: Iterator[tuple[int, int]] = iter(sorted(spans))
        self._first, self._last = 0, 0
        self._text = ""

    def fill(self, number: int, cells: list[str]) -> int:
        """Write into a row what is said of it above; answer how many letters that is."""
        while self._last < number:
            found = next(self._spans, None)
            if found is None:
                return 0
            (self._first, self._last), self._text = found, ""
        held = cells[self.at] if self.at < len(cells) else ""
        if number == self._first:
            self._text = "" if _is_number(held) else held
        if number <= self._first or held or not self._text:
            return 0
        cells.extend([""] * (self.at + 1 - len(cells)))
        cells[self.at] = self._text
        return len(self._text)


def _is_number(text: str) -> bool:
    """Say whether a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def column_of(letters: str) -> int:
    """Count a column's letters from 0."""
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1
