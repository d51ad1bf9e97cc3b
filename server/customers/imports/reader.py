"""Read one file in a process of its own: `python -m server.customers.imports.reader`.

Takes the file on standard input and gives the sheet, or why it is refused, as MessagePack on
standard output. Memory, time and files are limited by the kernel, so that a hostile file hurts
nobody but this process.
"""

import resource
import sys
from typing import Final

import msgspec

from server.customers.imports import csv_text, xlsx
from server.customers.imports.sheets import FILE_BYTES_MAX, FileRefused, Sheet

MEMORY_BYTES: Final = 512 * 1024 * 1024
CPU_S: Final = 30
_ZIP: Final = b"PK"
_OLE: Final = b"\xd0\xcf\x11\xe0"


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there is no sheet."""

    code: str
    detail: str


class Read(msgspec.Struct, frozen=True, tag="read"):
    """The sheet that was read."""

    sheet: Sheet


def read(content: bytes, encoding: str | None = None) -> Sheet:
    """Read a file as what its first bytes say that it is.

    :raises FileRefused: it is nothing that is read here, or passes a limit.
    """
    if len(content) > FILE_BYTES_MAX:
        raise FileRefused("too_large", f"A file may have {FILE_BYTES_MAX} bytes.")
    if content.startswith(_ZIP):
        return xlsx.read(content)
    if content.startswith(_OLE):
        raise FileRefused("xls_old", "This is an old or protected workbook; save it as .xlsx.")
    return csv_text.read(content, encoding)


def limit_self() -> None:
    """Give up what is not needed; the kernel holds this process to it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read standard input, answer on standard output."""
    limit_self()
    encoding = sys.argv[1] if len(sys.argv) > 1 else None
    try:
        answer: Read | Refused = Read(read(sys.stdin.buffer.read(), encoding))
    except FileRefused as refused:
        answer = Refused(refused.code, refused.detail)
    except (MemoryError, RecursionError):
        answer = Refused("too_large", "This file is too large when it is unpacked.")
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
