"""Export customers: line by line out of bounded pages, with a line in the audit trail."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from billing.plans.rules.versions import Meter
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers import queries
from server.customers.custom import queries as customs
from server.customers.exports.sheets import Names, Words, header, line
from server.customers.opt_outs import queries as opt_outs
from server.customers.schemas import CustomerView, Filters
from server.entitlements import service as entitlements
from server.kit import db, ids, sheets
from server.kit.cells import harmless

__all__ = ["Words", "as_csv", "as_xlsx"]

_BLOCK: Final = 64 * 1024
_CELL_MAX: Final = 32_767
"""Characters that a workbook's cell can hold."""


async def as_csv(
    actor: Actor, filters: Filters, words: Words, *, now: datetime
) -> AsyncIterator[bytes]:
    """Write the customers within sight that the filters leave as CSV, a page at a time."""
    names = await _begin(actor, "csv", now)

    async def blocks() -> AsyncIterator[bytes]:
        async for page in _pages(actor, filters):
            yield sheets.csv_of([[*map(harmless, line(each, names, words))] for each in page])

    heading = [*map(harmless, header(names, words))]
    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([heading]))


async def as_xlsx(
    actor: Actor, filters: Filters, words: Words, *, now: datetime
) -> AsyncIterator[bytes]:
    """Write the customers within sight that the filters leave as a workbook of text cells.

    Memory is bounded: rows go to a temporary file as they come.
    """
    names = await _begin(actor, "xlsx", now)

    async def blocks() -> AsyncIterator[bytes]:
        with tempfile.TemporaryDirectory(prefix="tonglu-export-") as folder:
            path = Path(folder) / "customers.xlsx"
            sheet = _Workbook(path, folder)
            try:
                sheet.add([header(names, words)])
                async for page in _pages(actor, filters):
                    await asyncio.to_thread(sheet.add, [line(each, names, words) for each in page])
            finally:
                await asyncio.to_thread(sheet.close)
            with path.open("rb") as made:
                while block := made.read(_BLOCK):
                    yield block

    return await sheets.begun(blocks(), before=b"")


async def _pages(actor: Actor, filters: Filters) -> AsyncIterator[list[CustomerView]]:
    """Give the customers page by page, without phones that nobody is to call (S45)."""
    async for page in queries.all_pages(actor, filters):
        phones = {each.phone for each in page if each.phone}
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            banned = await opt_outs.among(phones)
        yield [
            msgspec.structs.replace(each, phone=None) if each.phone in banned else each
            for each in page
        ]


class _Workbook:
    """A workbook with one sheet, every cell a text."""

    def __init__(self, path: Path, folder: str) -> None:
        options = {"constant_memory": True, "tmpdir": folder}
        import xlsxwriter  # noqa: PLC0415 - 14 MiB that only an export needs

        self._book: Any = xlsxwriter.Workbook(str(path), options)
        self._sheet: Any = self._book.add_worksheet("客户")
        self._row = 0

    def add(self, lines: list[list[str]]) -> None:
        """Add lines; text that looks like a formula stays text."""
        for cells in lines:
            for column, cell in enumerate(cells):
                self._sheet.write_string(self._row, column, cell[:_CELL_MAX])
            self._row += 1

    def close(self) -> None:
        """Finish the file."""
        self._book.close()


async def _begin(actor: Actor, kind: str, now: datetime) -> Names:
    """See that the actor may, leave a line in the trail, and look up what ids are called."""
    ensure(actor, Permission.CUSTOMERS_EXPORT)
    async with db.tenant_transaction(actor.tenant_id):
        await entitlements.take(actor.tenant_id, Meter.EXPORTS, key=ids.new_id(now), now=now)
        await audit.record(actor, "customers.exported", subject_id=None, now=now, format=kind)
        people = await db.connection().fetch(
            "SELECT id, name FROM user_account WHERE tenant_id = $1", actor.tenant_id
        )
        tags = await db.connection().fetch(
            "SELECT id, name FROM tag WHERE tenant_id = $1 AND NOT deleted", actor.tenant_id
        )
        own = await customs.definitions(actor, "customer")
    return Names(
        people={row["id"]: row["name"] for row in people},
        tags={row["id"]: row["name"] for row in tags},
        custom=own,
    )
