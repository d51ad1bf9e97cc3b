"""What a spreadsheet is once it has been read: rows of text. Limits, and why a file is refused."""

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec

from server.imports.rules.columns import Vocabulary

FILE_BYTES_MAX: Final = 40 * 1024 * 1024
ROWS_MAX: Final = 250_000
COLUMNS_MAX: Final = 200
CELL_CHARS_MAX: Final = 20_000
SHEET_CHARS_MAX: Final = 50_000_000
"""All cells together: a text that a million cells share is counted a million times."""
CHUNK_ROWS: Final = 1000
"""Rows that are one transaction of an import."""
_HEADER_IN_FIRST: Final = 10
_FAST: Final = 1
"""Text is packed to a fifth by this level already."""


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
            if "\0" in cell:
                raise FileRefused("not_text", "This is no text file; save it as CSV or as XLSX.")
            self._chars += len(cell)
        if self._chars > SHEET_CHARS_MAX:
            raise FileRefused("too_large", "The sheet's texts together are too long; split it.")
        self.rows.append(Row(number, cells))


def is_table(rows: Sequence[Row], vocabulary: Vocabulary) -> bool:
    """Say whether a sheet has columns that are known; a cover or a page of notes has none."""
    return any(vocabulary.known(row.cells) > 1 for row in rows[:_HEADER_IN_FIRST])


def split_header(sheet: Sheet, vocabulary: Vocabulary) -> tuple[list[str], list[Row]]:
    """Find the row of the column names among the first ten, and give what stands below it.

    :raises FileRefused: there is nothing below.
    """
    if not sheet.rows:
        raise FileRefused("empty", "This file has no rows.")
    known = [vocabulary.known(row.cells) for row in sheet.rows[:_HEADER_IN_FIRST]]
    at = known.index(max(known))
    rows = sheet.rows[at + 1 :]
    if not rows:
        raise FileRefused("empty", "This file has no rows below its column names.")
    header = sheet.rows[at].cells
    width = max(len(row.cells) for row in (sheet.rows[at], *rows))
    return [*header, *[""] * (width - len(header))], rows


def packed(rows: Sequence[Row]) -> list[bytes]:
    """Pack rows into chunks, as they are kept."""
    starts = range(0, len(rows), CHUNK_ROWS)
    encode = msgspec.msgpack.encode
    return [zlib.compress(encode(rows[start : start + CHUNK_ROWS]), _FAST) for start in starts]


def unpacked(chunk: bytes) -> list[Row]:
    """Give the rows of a chunk; who packed them may have been hostile, so no bomb is opened."""
    return _ROWS.decode(zlib.decompressobj().decompress(chunk, 4 * SHEET_CHARS_MAX))


_ROWS: Final = msgspec.msgpack.Decoder(list[Row])
