"""Ask about reconciliations. The platform's finance sees all, an agent's owner its company's own.

`seen_by` is whose eyes: `HERE` are the platform's, `THERE` the agent's, to whom all is mirrored.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.reconciliation import queries as books
from billing.reconciliation.rules.columns import RowProblem
from billing.reconciliation.rules.findings import MIRRORED
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import ExceptionView, FileView
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.reconciliation import parts, words
from server.reconciliation.schemas import (
    NewSource,
    ReconExceptionView,
    ReconFileDetail,
    ReconFileView,
)

_ANSWERS: Final = """
SELECT exception_id, said, said_at FROM recon_answer WHERE exception_id = ANY ($1::uuid[])
"""


async def sources(
    actor: Actor, *, agent_id: UUID | None = None, cursor: str | None = None, now: datetime
) -> Page[NewSource]:
    """List how files are read; each agent is told."""
    (after,) = decode_cursor(cursor, tuple[UUID]) if cursor else (None,)
    async with _looking(actor, Side.HERE):
        found = await books.sources(agent_id=agent_id, after=after, limit=PAGE_SIZE + 1)
        items = [
            NewSource(**{name: getattr(each, name) for name in NewSource.__struct_fields__})
            for each in found[:PAGE_SIZE]
        ]
        agents = [each.agent_id for each in items]
        await audit.record_platform_read(actor, agents, "reconciliation.sources", now=now)
    return Page(items, encode_cursor(items[-1].id) if len(found) > PAGE_SIZE else None)


async def files(
    actor: Actor,
    seen_by: Side,
    *,
    agent_id: UUID | None = None,
    cursor: str | None = None,
    now: datetime,
) -> Page[ReconFileView]:
    """List files, the newest month first; the platform's look is told to each agent."""
    before = decode_cursor(cursor, tuple[date, UUID]) if cursor else None
    async with _looking(actor, seen_by):
        found = await books.files(agent_id=agent_id, before=before, limit=PAGE_SIZE + 1)
        items = found[:PAGE_SIZE]
        await _tell(actor, seen_by, items, "reconciliation.files", now)
    more = encode_cursor(items[-1].period, items[-1].id) if len(found) > PAGE_SIZE else None
    return Page([ReconFileView(**_of_file(each)) for each in items], more)


async def file(actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime) -> ReconFileDetail:
    """Give a file: how far it has come, or what came of it.

    :raises FileNotFound: also when it is another company's.
    """
    async with _looking(actor, seen_by):
        found = await books.file(file_id)
        await _tell(actor, seen_by, [found], "reconciliation.file", now)
        return await detail(found, seen_by)


async def exceptions(
    actor: Actor, seen_by: Side, file_id: UUID, *, cursor: str | None = None, now: datetime
) -> Page[ReconExceptionView]:
    """List how a file and the platform's books differ, by kind.

    :raises FileNotFound: also when it is another company's.
    """
    after = decode_cursor(cursor, tuple[str, UUID]) if cursor else ("", UUID(int=0))
    async with _looking(actor, seen_by):
        held = await books.file(file_id)
        found = await books.exceptions(file_id, seen_by=seen_by, after=after, limit=PAGE_SIZE + 1)
        items = await views(found[:PAGE_SIZE], now)
        await _tell(actor, seen_by, [held], "reconciliation.exceptions", now)
    if len(found) <= PAGE_SIZE:
        return Page(items, None)
    last = items[-1]
    # The books go by the platform's word for a kind, which the agent sees in the mirror.
    kind = last.kind if seen_by is Side.HERE else MIRRORED.get(last.kind, last.kind)
    return Page(items, encode_cursor(kind, last.id))


async def rejected(
    actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime
) -> AsyncIterator[list[RowProblem]]:
    """Give why rows could not be read, a block at a time.

    :raises FileNotFound: also when it is another company's.
    """
    after = -1
    while True:
        async with _looking(actor, seen_by):
            held = await books.file(file_id)
            if after < 0:
                await _tell(actor, seen_by, [held], "reconciliation.rejected", now)
            found = await parts.rejected(file_id, after)
        if found is None:
            return
        after, problems = found
        yield problems


# ----------------------------------------------------------------------------------------- both


def ensure_owner(actor: Actor) -> None:
    """Refuse who does not see what the company earns."""
    actor.ensure_agent()
    ensure(actor, Permission.COMMISSIONS_SEE)


@contextlib.asynccontextmanager
async def _looking(actor: Actor, seen_by: Side) -> AsyncIterator[None]:
    """Open the transaction of one side."""
    if seen_by is Side.HERE:
        ensure(actor, Permission.BOOKS_KEEP)
        async with db.platform_transaction(actor):
            yield
    else:
        ensure_owner(actor)
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            yield


async def _tell(
    actor: Actor, seen_by: Side, seen: Sequence[FileView], what: str, now: datetime
) -> None:
    """Have agents know what the platform looked at."""
    if seen_by is Side.HERE:
        await audit.record_platform_read(actor, [each.agent_id for each in seen], what, now=now)


def _of_file(found: FileView) -> dict[str, Any]:
    """Give what both views have of a file."""
    same = ("id", "source_id", "agent_id", "file_name", "state", "read_until", "last_row")
    return {
        **{name: getattr(found, name) for name in (*same, "added_at", "compared_at")},
        "month": f"{found.period:%Y-%m}",
        "sha256": found.sha256.hex(),
    }


async def detail(found: FileView, seen_by: Side) -> ReconFileDetail:
    """Give a file with what came of it, in an open transaction."""
    is_here = seen_by is Side.HERE
    kinds = (await books.compared(found.id)).exceptions
    sides = await books.sides(found.id)
    return ReconFileDetail(
        **_of_file(found),
        rejected_cells=await parts.rejected_count(found.id),
        matches=await books.steps(found.id),
        exceptions=kinds if is_here else {MIRRORED.get(k, k): n for k, n in kinds.items()},
        sides=sides
        if is_here
        else [msgspec.structs.replace(each, side=each.side.other) for each in sides],
    )


async def views(found: Sequence[ExceptionView], now: datetime) -> list[ReconExceptionView]:
    """Give differences with their words and the agent's answers, in an open transaction."""
    rows = await db.connection().fetch(_ANSWERS, [each.id for each in found])
    answers = {row["exception_id"]: row for row in rows}
    return [_view(each, answers.get(each.id), now) for each in found]


def _view(found: ExceptionView, answer: Any, now: datetime) -> ReconExceptionView:
    """Give one difference as people see it."""
    words_zh, words_en = words.difference(found.kind, found.cause)
    fields = msgspec.structs.asdict(found)
    del fields["opened_at"]
    return ReconExceptionView(
        **fields,
        words_zh=words_zh,
        words_en=words_en,
        is_overdue=found.is_overdue(now.date()),
        answer=answer and answer["said"],
        answered_at=answer and answer["said_at"],
    )
