"""Reconcile two files in a process of its own: `python -m benchmarks.reconcile_files HERE THERE`.

Prints what was found and what it took. The files are read as uploaded ones are: by a reader apart,
within its limits.
"""

import asyncio
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from billing.reconciliation.rules import columns
from billing.reconciliation.rules.columns import RowProblem, RowReader
from billing.reconciliation.rules.findings import Break, Terms
from billing.reconciliation.rules.lines import Book, Line, Words
from billing.reconciliation.rules.matching import reconcile
from server.imports import sandbox
from server.imports.reader import Read
from server.imports.rules.columns import Vocabulary
from server.imports.sheets import unpacked

_NAMES: Final = Vocabulary({field.value: names for field, names in columns.NAMES.items()})
_KIB: Final = 1024


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; seconds on the clock and on the processor, MiB."""

    breaks: list[Break]
    matches: int
    lines: int
    read_s: float
    matched_s: float
    cpu_s: float
    peak_mib: float
    reader_mib: float
    """Of the process that read a file, the greater one."""


async def run(here: str, there: str) -> Told:
    """Read both files, compare them."""
    begun = time.perf_counter()
    words = Words()
    book = await _book(Path(here), words)
    other = await _book(Path(there), words)
    read = time.perf_counter()
    found = reconcile(book, other, Terms())
    matched = time.perf_counter()
    own = resource.getrusage(resource.RUSAGE_SELF)
    readers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Told(
        breaks=found.breaks,
        matches=found.match_count,
        lines=len(book) + len(other),
        read_s=read - begun,
        matched_s=matched - read,
        cpu_s=own.ru_utime + own.ru_stime + readers.ru_utime + readers.ru_stime,
        peak_mib=peak_mib(os.getpid()),
        reader_mib=readers.ru_maxrss / _KIB,
    )


def peak_mib(pid: int) -> float:
    """Give the most memory that a process held at once, without what it was forked from."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / _KIB


async def _book(file: Path, words: Words) -> Book:
    """Read a file as a book; each of its lines must be readable."""
    content = await asyncio.to_thread(file.read_bytes)
    sheet = await sandbox.read(content, _NAMES)
    reader = RowReader(sheet.header, columns.guess(sheet.header))
    book = Book(words)
    for lines, problems in _read(sheet, reader):
        assert not problems, problems[:3]
        for line in lines:
            book.add(line)
    return book


def _read(sheet: Read, reader: RowReader) -> Iterator[tuple[list[Line], list[RowProblem]]]:
    """Read a sheet a thousand rows at a time."""
    for chunk in sheet.chunks:
        yield reader.read((row.number, row.cells) for row in unpacked(chunk))


if __name__ == "__main__":
    told = asyncio.run(run(sys.argv[1], sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(told))
