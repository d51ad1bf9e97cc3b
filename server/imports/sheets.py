"""What a spreadsheet is once it has been read: rows of text. Limits, and why a file is refused."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from server.imports.merged import Merged
from server.imports.rules import headings
from server.imports.rules.columns import Vocabulary

FILE_BYTES_MAX: Final = 40 * 1024 * 1024
"""Of an import."""
READ_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of any file: a month of 300,000 benefits with all its columns has 55 MiB."""
ROWS_MAX: Final = 310_000
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


class Rows:
    """The rows of a sheet, gathered within the limits; all but the first thousand are packed."""

    def __init__(self) -> None:
        self.top: list[Row] = []
        """The first rows, among them that of the column names."""
        self.packed: list[bytes] = []
        """The others, a thousand a chunk."""
        self.count = 0
        self.width = 0
        self._open: list[Row] = []
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
        if self.count > ROWS_MAX:
            raise FileRefused(
                "too_many_rows", f"A file may have {ROWS_MAX} rows; split it and import the parts."
            )
        self._look_at(number, cells)
        self.count += 1
        if self.count <= CHUNK_ROWS:
            self.top.append(Row(number, cells))
            return
        self.width = max(self.width, len(cells))
        self._open.append(Row(number, cells))
        if len(self._open) == CHUNK_ROWS:
            self.close()

    def _look_at(self, number: int, cells: list[str]) -> None:
        """Refuse cells that pass a limit, or are no text."""
        for cell in cells:
            if len(cell) > CELL_CHARS_MAX:
                raise FileRefused(
                    "cell_too_long",
                    f"A cell in row {number} has more than {CELL_CHARS_MAX} letters.",
                )
            if "\0" in cell:
                raise FileRefused("not_text", "This is no text file; save it as CSV or as XLSX.")
            self._chars += len(cell)
        self._ensure_bounded()

    def _ensure_bounded(self) -> None:
        """Refuse a sheet whose cells are too long together."""
        if self._chars > SHEET_CHARS_MAX:
            raise FileRefused("too_large", "The sheet's texts together are too long; split it.")

    def fill(self, merged: Merged) -> None:
        """Say of each row that is there what a cell over several rows says of it.

        :raises FileRefused: the sheet is too long with that.
        """
        self.close()
        columns = [each for each in merged.columns() if each.at < COLUMNS_MAX]

        def filled(rows: Sequence[Row]) -> Sequence[Row]:
            for row in rows:
                self._chars += sum(each.fill(row.number, row.cells) for each in columns)
                self._ensure_bounded()
                self.width = max(self.width, len(row.cells))
            return rows

        filled(self.top)
        self.packed = [_packed(filled(unpacked(chunk))) for chunk in self.packed]

    def close(self) -> None:
        """Pack what is open: as lists, the rows of a large file take ten times its size."""
        if self._open:
            self.packed.append(_packed(self._open))
            self._open = []

    def __iter__(self) -> Iterator[Row]:
        """Give all rows."""
        yield from self.top
        for chunk in self.packed:
            yield from unpacked(chunk)
        yield from self._open


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet as text."""

    format: str
    rows: Rows
    encoding: str | None = None
    delimiter: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet whose column names are found."""

    header: list[str]
    row_count: int
    chunks: list[bytes]


def is_table(rows: Rows, vocabulary: Vocabulary) -> bool:
    """Say whether a sheet has columns that are known; a cover or a page of notes has none."""
    return any(vocabulary.known(row.cells) > 1 for row in rows.top[:_HEADER_IN_FIRST])


def as_table(rows: Rows, vocabulary: Vocabulary, *, is_cut: bool = False) -> Table:
    """Find the rows of the column names among the first ten; what stands below is the table.

    :param is_cut: what has no column of its own was cut off a cell: a comma is no part of CSV.
    :raises FileRefused: there is nothing below; or a row has more cells than there are columns.
    """
    if not rows.top:
        raise FileRefused("empty", "This file has no rows.")
    first, last, header = headings.found(
        [row.cells for row in rows.top[:_HEADER_IN_FIRST]], vocabulary
    )
    below = rows.top[last + 1 :]
    if not below:
        raise FileRefused("empty", "This file has no rows below its column names.")
    rows.close()
    width = max(rows.width, *(len(row.cells) for row in rows.top[first:]))
    if is_cut and width > len(header):
        _ensure_within(islice(rows, last + 1, None), len(header))
    return Table(
        header=[*header, *[""] * (width - len(header))],
        row_count=rows.count - last - 1,
        chunks=[_packed(below), *rows.packed],
    )


def _ensure_within(rows: Iterable[Row], width: int) -> None:
    """Refuse a row of more cells than there are columns."""
    for row in rows:
        if len(row.cells) > width:
            raise FileRefused(
                "row_too_long",
                f"Row {row.number} has more cells than there are columns; write quotation marks"
                ' around an amount with commas ("1,234.50").',
            )


def _packed(rows: Sequence[Row]) -> bytes:
    """Pack rows into a chunk, as it is kept."""
    return zlib.compress(msgspec.msgpack.encode(rows), _FAST)


def unpacked(chunk: bytes) -> list[Row]:
    """Give the rows of a chunk; who packed them may have been hostile, so no bomb is opened."""
    return _ROWS.decode(zlib.decompressobj().decompress(chunk, 4 * SHEET_CHARS_MAX))


_ROWS: Final = msgspec.msgpack.Decoder(list[Row])
