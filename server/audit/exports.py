"""Lists as sheets: a line each, no cell a formula, and a line in the trail of who took them out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, sheets
from server.kit.calendars import ZONE
from server.kit.cells import harmless
from server.kit.pages import Page

T = TypeVar("T")

Columns: TypeAlias = Mapping[str, Callable[[T], Any]]
"""What heads a column, and what stands in it for one record."""
Pages: TypeAlias = Callable[[str | None], Awaitable[Page[T]]]
"""Gives the page of a list behind a cursor."""


async def as_csv(
    actor: Actor, what: str, columns: Columns[T], pages: Pages[T], *, now: datetime
) -> AsyncIterator[bytes]:
    """Write a list within sight as CSV, a page at a time. For who may export.

    :param what: what is exported, such as ``deals``.
    """
    ensure(actor, Permission.CUSTOMERS_EXPORT)
    async with db.tenant_transaction(actor.tenant_id):
        await audit.record(actor, f"{what}.exported", subject_id=None, now=now, format="csv")

    async def blocks() -> AsyncIterator[bytes]:
        cursor: str | None = None
        while True:
            page = await pages(cursor)
            yield sheets.csv_of(
                [[written(cell(each)) for cell in columns.values()] for each in page.items]
            )
            cursor = page.next_cursor
            if cursor is None:
                return

    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([list(columns)]))


def written(value: Any) -> str:
    """Write a cell: nothing as nothing, a moment by Shanghai's clock, a text that is no formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(ZONE):%Y-%m-%d %H:%M}"
    return harmless(str(value)) if isinstance(value, str) else str(value)


def yuan(minor: int | None) -> Decimal | None:
    """Give fen as yuan with two digits."""
    return None if minor is None else (Decimal(minor) / 100).quantize(Decimal("0.01"))
