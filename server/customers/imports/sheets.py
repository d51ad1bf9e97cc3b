"""What a spreadsheet is once it has been read: rows of text. Limits, and why a file is refused."""

from typing import Final

import msgspec

FILE_BYTES_MAX: Final = 20 * 1024 * 1024
ROWS_MAX: Final = 50_000
COLUMNS_MAX: Final = 200
CELL_CHARS_MAX: Final = 20_000
SHEET_CHARS_MAX: Final = 50_000_000
"""All cells together: a text that a million cells share is counted a million times."""
CHUNK_ROWS: Final = 1000
"""Rows that are one transaction of an import."""


class FileRefused(Exception):
    """The file cannot be read as what it claims to be, or is larger than the limits."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row that is not empty.

    `number` is its line as a spreadsheet shows it, from 1; each is greater than the one before.
    """

    number: int
    cells: list[str]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet as text."""

    format: str
    rows: list[Row]
    encoding: str | None = None
    delimiter: str | None = None


class Rows:
    """Gathers rows within the limits."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._chars = 0

    def add(self, number: int, cells: list[str]) -> None:
        """Keep a row unless it is empty.

        :raises FileRefused: a limit is passed.
        """
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            return
        if len(cells) > COLUMNS_MAX:
            raise FileRefused("too_many_columns", f"A sheet may have {COLUMNS_MAX} columns.")
        # The header is a row too.
        if len(self.rows) > ROWS_MAX:
            raise FileRefused(
                "too_many_rows", f"A file may have {ROWS_MAX} rows; split it and import the parts."
            )
        for cell in cells:
            if len(cell) > CELL_CHARS_MAX:
                raise FileRefused(
                    "cell_too_long",
                    f"A cell in row {number} has more than {CELL_CHARS_MAX} letters.",
                )
            self._chars += len(cell)
        if self._chars > SHEET_CHARS_MAX:
            raise FileRefused("too_large", "The sheet's texts together are too long; split it.")
        self.rows.append(Row(number, cells))
