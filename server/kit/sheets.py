"""Write sheets as CSV that spreadsheet programs open, a block at a time."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final

from litestar.response import Stream

BOM: Final = b"\xef\xbb\xbf"
"""By it spreadsheet programs know that a CSV is UTF-8."""

CSV: Final = "text/csv; charset=utf-8"
"""The media type of what is written here."""


def attached(file_name: str) -> dict[str, str]:
    """Give the headers that have a browser save an answer, and keep it nowhere else."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def answer(blocks: AsyncIterator[bytes], file_name: str) -> Stream:
    """Give a sheet as an answer that is saved under a name."""
    return Stream(blocks, media_type=CSV, headers=attached(file_name))


def csv_of(lines: Sequence[Sequence[str]]) -> bytes:
    """Write lines as CSV."""
    target = io.StringIO()
    csv.writer(target, lineterminator="\r\n").writerows(lines)
    return target.getvalue().encode()


async def begun(blocks: AsyncIterator[bytes], *, before: bytes) -> AsyncIterator[bytes]:
    """Make the first block before anything is answered, so that a refusal can still be one."""
    first = await anext(blocks, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield before + first
        async for block in blocks:
            yield block

    return whole()
