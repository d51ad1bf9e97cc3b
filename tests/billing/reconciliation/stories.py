"""Stories of an agent with three benefits whose files are compared with the books."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from billing.reconciliation import queries, service
from billing.reconciliation.rules.columns import ColumnMap, Field
from billing.reconciliation.rules.findings import Kind, Terms
from billing.reconciliation.rules.lines import Book, Side, Words
from billing.reconciliation.rules.matching import reconcile
from billing.reconciliation.schemas import (
    FileView,
    NewFile,
    NewSource,
)
from server.kit import db
from tests.billing.books import OPERATOR
from tests.factories import NOW, new_id

HEADER = ["单号", "客户编号", "金额", "日期", "经办人"]
MARCH = date(2026, 3, 1)
MAP = ColumnMap(
    columns={
        Field.ID: "单号",
        Field.CUSTOMER: "客户编号",
        Field.AMOUNT: "金额",
        Field.DAY: "日期",
    },
    ignored=["经办人"],
)
Row = tuple[int, list[Any]]


async def platform(work: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
    """Do one thing in a transaction of the platform."""
    async with db.platform_transaction(OPERATOR):
        return await work(*given, **named)


class Compared(msgspec.Struct, frozen=True):
    """What came of a file."""

    file: FileView
    matches: int
    exceptions: dict[Kind, int]


class Story(msgspec.Struct, frozen=True):
    """An agent with three benefits, and its source of files."""

    agent_id: UUID
    source: NewSource
    issued: list[UUID]
    customers: list[str]

    def row(self, number: int, at: int, amount: str = "1.00", day: str = "2026-03-02") -> Row:
        """Write a row of the agent's file about one of the benefits."""
        return number, [str(self.issued[at]), self.customers[at], amount, day, "王"]


def a_file(story: Story, rows: list[Row], **changes: Any) -> NewFile:
    """Describe a file of these rows."""
    digest = hashlib.sha256(repr([story.agent_id, rows]).encode()).digest()
    new = NewFile(
        id=new_id(),
        source_id=story.source.id,
        period=MARCH,
        file_name="三月.xlsx",
        sha256=digest,
        header=HEADER,
        last_row=rows[-1][0],
    )
    return msgspec.structs.replace(new, **changes)


async def opened(new: NewFile) -> Any:
    """Open a file."""
    return await platform(service.open_file, new, actor_id=OPERATOR.user_id, now=NOW)


async def brought_in(story: Story, rows: list[Row], month: date = MARCH) -> UUID:
    """Bring a file in."""
    view = await opened(a_file(story, rows, period=month))
    await platform(service.add_rows, view.id, rows, after=0)
    file_id: UUID = view.id
    return file_id


async def compared(story: Story, rows: list[Row], month: date = MARCH) -> Compared:
    """Bring a file in and compare it."""
    return await compare(await brought_in(story, rows, month))


async def extract(file_id: UUID) -> None:
    """Write the books down beside a file that has come."""
    while await platform(service.extract_some, file_id, Terms()):
        pass


async def compare(file_id: UUID, now: datetime = NOW) -> Compared:
    """Compare a file that has come."""
    await extract(file_id)
    assert await platform(service.begin, file_id, now=now)
    words = Words()
    sides = {side: Book(words) for side in Side}
    for side, book in sides.items():
        while await platform(service.gather_some, file_id, side, book):
            pass
    for other in await platform(queries.neighbours, file_id):
        after: int | None = 0
        while after is not None:
            after = await platform(
                service.gather_elsewhere, file_id, other, Terms(), sides[Side.HERE], after=after
            )
    terms = Terms(month=(await platform(queries.file, file_id)).period)
    found = reconcile(sides[Side.HERE], sides[Side.THERE], terms)
    while await platform(service.keep_some, file_id, found, now=NOW):
        pass
    matches = sum((await platform(queries.steps, file_id)).values())
    view = await platform(queries.file, file_id)
    return Compared(view, matches, await platform(queries.kinds, file_id))


async def breaks(found: Compared, **asked: Any) -> list[Any]:
    """List the exceptions of a file."""
    listed: list[Any] = await platform(queries.exceptions, found.file.id, limit=50, **asked)
    return listed
