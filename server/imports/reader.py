"""Read one file in a process of its own: `python -m server.imports.reader`.

Takes the order as JSON in its argument and the file on standard input; gives the rows, or why the
file is refused, as MessagePack on standard output. Memory, time and files are limited by the
kernel, so that a hostile file hurts nobody but this process.
"""

import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from server.imports import csv_text, xlsx
from server.imports.rules.columns import Vocabulary
from server.imports.sheets import READ_BYTES_MAX, FileRefused, Sheet, as_table

MEMORY_BYTES: Final = 512 * 1024 * 1024
CPU_S: Final = 30
_ZIP: Final = b"PK"
_OLE: Final = b"\xd0\xcf\x11\xe0"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be read."""

    names: Mapping[str, Sequence[str]]
    """What columns are called, by field: the row that has most of them is that of the names."""
    encoding: str | None = None
    is_whole: bool = False
    """Nothing may be left out: no second table, nothing that a formula has not come to, of CSV no
    cell without a column."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there is no sheet."""

    code: str
    detail: str


class Read(msgspec.Struct, frozen=True, kw_only=True, tag="read"):
    """The sheet that was read: its column names, and the rows below them in chunks."""

    format: str
    encoding: str | None
    delimiter: str | None
    header: list[str]
    row_count: int
    chunks: list[bytes]


def read(
    content: bytes,
    vocabulary: Vocabulary,
    encoding: str | None = None,
    *,
    is_whole: bool = False,
) -> Sheet:
    """Read a file as what its first bytes say that it is.

    :param is_whole: see `Order`.
    :raises FileRefused: it is nothing that is read here, or passes a limit.
    """
    if len(content) > READ_BYTES_MAX:
        raise FileRefused("too_large", f"A file may have {READ_BYTES_MAX} bytes.")
    if content.startswith(_ZIP):
        return xlsx.read(content, vocabulary, is_whole=is_whole)
    if content.startswith(_OLE):
        raise FileRefused("xls_old", "This is an old or protected workbook; save it as .xlsx.")
    return csv_text.read(content, encoding)


def answer(content: bytes, order: Order) -> Read | Refused:
    """Read a file and find its column names."""
    vocabulary = Vocabulary(order.names)
    try:
        sheet = read(content, vocabulary, order.encoding, is_whole=order.is_whole)
        is_cut = order.is_whole and sheet.format == "csv"
        table = as_table(sheet.rows, vocabulary, is_cut=is_cut)
        return Read(
            format=sheet.format,
            encoding=sheet.encoding,
            delimiter=sheet.delimiter,
            header=table.header,
            row_count=table.row_count,
            chunks=table.chunks,
        )
    except FileRefused as refused:
        return Refused(refused.code, refused.detail)
    except (MemoryError, RecursionError):
        return Refused("too_large", "This file is too large when it is unpacked.")


def limit_self() -> None:
    """Give up what is not needed; the kernel holds this process to it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read standard input, answer on standard output."""
    limit_self()
    order = msgspec.json.decode(sys.argv[1], type=Order)
    said = answer(sys.stdin.buffer.read(), order)
    sys.stdout.buffer.write(msgspec.msgpack.encode(said))


if __name__ == "__main__":
    main()
