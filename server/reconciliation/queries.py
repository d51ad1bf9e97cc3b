"""Ask about reconciliations. The platform's finance sees all, an agent's owner its company's own.

`seen_by` is whose eyes: `HERE` are the platform's, `THERE` the agent's, to whom all is mirrored.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.reconciliation import groups as grouped
from billing.reconciliation import queries as books
from billing.reconciliation.rules.columns import RowProblem
from billing.reconciliation.rules.findings import MIRRORED, Kind
from billing.reconciliation.rules.lines import Line, Side
from billing.reconciliation.schemas import (
    ExceptionFilter,
    ExceptionsAlike,
    ExceptionView,
    FileState,
    FileView,
    Standing,
)
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits import queries as benefits
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.reconciliation import parts, questions, words
from server.reconciliation.schemas import (
    RESOLVED_MAX,
    NewSource,
    ReconExceptionDetail,
    ReconExceptionRow,
    ReconExceptionView,
    ReconFileDetail,
    ReconFileView,
    ReconFilter,
    ReconGroup,
    ReconLineView,
    ReconQuestionView,
    WaitingQuestion,
)

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_A_LINE: Final = ("id", "customer", "program", "amount_minor", "currency", "on", "state")
"""What of a line is held against the other side."""
EXPORTED_MAX: Final = 100_000
"""So many differences of a file stand in a sheet, to a block."""
NUMBERS_MAX: Final = 10
"""So many lines of a side are named where a difference is a row of a sheet."""
_BLOCK: Final = 1_000
_ANSWERS: Final = """
SELECT exception_id, said, said_at FROM recon_answer WHERE exception_id = ANY ($1::uuid[])
"""


async def programs(actor: Actor, seen_by: Side) -> list[tuple[UUID, str]]:
    """Name the programs that a file may mean, those that opened last first."""
    async with of_side(actor, seen_by):
        return await benefits.named()


async def sources(
    actor: Actor,
    seen_by: Side,
    *,
    agent_id: UUID | None = None,
    cursor: str | None = None,
    now: datetime,
) -> Page[NewSource]:
    """List how files are read; the platform's look is told to each agent."""
    (after,) = decode_cursor(cursor, tuple[UUID]) if cursor else (None,)
    async with of_side(actor, seen_by):
        found = await books.sources(agent_id=agent_id, after=after, limit=PAGE_SIZE + 1)
        items = [
            NewSource(**{name: getattr(each, name) for name in NewSource.__struct_fields__})
            for each in found[:PAGE_SIZE]
        ]
        await _tell(actor, seen_by, items, "reconciliation.sources", now)
    return Page(items, encode_cursor(items[-1].id) if len(found) > PAGE_SIZE else None)


async def sources_of(
    actor: Actor, seen_by: Side, agent_id: UUID, *, now: datetime
) -> list[NewSource]:
    """List all the ways in which files of one agent are read, the oldest first."""
    page = await sources(actor, seen_by, agent_id=agent_id, now=now)
    found = page.items
    while page.next_cursor:
        page = await sources(actor, seen_by, agent_id=agent_id, cursor=page.next_cursor, now=now)
        found += page.items
    return found


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
    async with of_side(actor, seen_by):
        found = await books.files(agent_id=agent_id, before=before, limit=PAGE_SIZE + 1)
        items = found[:PAGE_SIZE]
        await _tell(actor, seen_by, items, "reconciliation.files", now)
        open_of = await grouped.standing([each.id for each in items])
    more = encode_cursor(items[-1].period, items[-1].id) if len(found) > PAGE_SIZE else None
    return Page([ReconFileView(**_of_file(each, open_of)) for each in items], more)


async def file(actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime) -> ReconFileDetail:
    """Give a file: how far it has come, or what came of it.

    :raises FileNotFound: also when it is another company's.
    """
    async with of_side(actor, seen_by):
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
    async with of_side(actor, seen_by):
        held = await books.file(file_id)
        found = await books.exceptions(file_id, seen_by=seen_by, after=after, limit=PAGE_SIZE + 1)
        items = await views(found[:PAGE_SIZE], now)
        await _tell(actor, seen_by, [held], "reconciliation.exceptions", now)
    if len(found) <= PAGE_SIZE:
        return Page(items, None)
    return Page(items, encode_cursor(*_place(found[PAGE_SIZE - 1], seen_by)))


async def groups(
    actor: Actor, seen_by: Side, asked: ReconFilter, *, now: datetime
) -> list[ReconGroup]:
    """Count open differences by kind, cause and currency; each agent is told.

    :raises FileNotFound: also when the file is another company's.
    """
    async with of_side(actor, seen_by):
        if asked.file_id is not None:
            await books.file(asked.file_id)
        meant = _meant(asked, seen_by, now)
        found = await grouped.groups(meant, today=now.astimezone(ZONE).date())
        if seen_by is Side.HERE:
            agents = sorted({agent for each in found for agent in each.agent_ids})
            await audit.record_platform_read(actor, agents, "reconciliation.groups", now=now)
    return [_group(each, seen_by) for each in found]


async def differences(
    actor: Actor, seen_by: Side, asked: ReconFilter, *, cursor: str | None = None, now: datetime
) -> Page[ReconExceptionView]:
    """List differences of one file or of all, what is due first at the beginning.

    :raises FileNotFound: also when the file is another company's.
    """
    after = decode_cursor(cursor, tuple[date, UUID]) if cursor else None
    async with of_side(actor, seen_by):
        if asked.file_id is not None:
            await books.file(asked.file_id)
        meant = _meant(asked, seen_by, now)
        found = await grouped.listed(meant, seen_by=seen_by, after=after, limit=PAGE_SIZE + 1)
        items = await views(found[:PAGE_SIZE], now)
        await _tell(actor, seen_by, items, "reconciliation.exceptions", now)
    is_more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].due_on, items[-1].id) if is_more else None)


async def settleable(actor: Actor, asked: ReconFilter, *, now: datetime) -> list[UUID]:
    """Give the ids of open differences that may be resolved at once, what is due first."""
    async with of_side(actor, Side.HERE):
        meant = msgspec.structs.replace(_meant(asked, Side.HERE, now), is_open=True)
        return await grouped.ids(meant, limit=RESOLVED_MAX)


async def difference(
    actor: Actor, seen_by: Side, exception_id: UUID, *, now: datetime
) -> ReconExceptionDetail:
    """Give one difference with the lines of both sides.

    :raises ExceptionNotFound: also when it is another company's.
    """
    async with of_side(actor, seen_by):
        found = await books.exception(exception_id, seen_by=seen_by)
        await _tell(actor, seen_by, [found], "reconciliation.exceptions", now)
        held = await books.file(found.file_id)
        [view] = await views([found], now)
        here = await grouped.lines(found.file_id, seen_by, found.here)
        there = await grouped.lines(found.file_id, seen_by.other, found.there)
        names = await _program_names([*here, *there])
        asked = await questions.of(exception_id)
    return ReconExceptionDetail(
        **msgspec.structs.asdict(view),
        file_name=held.file_name,
        month=f"{held.period:%Y-%m}",
        here_lines=[_line(each, names) for each in here],
        there_lines=[_line(each, names) for each in there],
        differing=_differing(here, there),
        questions=asked,
    )


async def own_question(actor: Actor, question_id: UUID) -> ReconQuestionView:
    """Give a question about a difference of one's own company.

    :raises NotFound: there is none.
    """
    async with of_side(actor, Side.THERE):
        return await questions.one(question_id)


async def waiting(
    actor: Actor, seen_by: Side, asked: ReconFilter, *, cursor: str | None = None, now: datetime
) -> Page[WaitingQuestion]:
    """List questions that wait for the agent's reply, of a file, an agent or all; each is told.

    :raises FileNotFound: also when the file is another company's.
    """
    after = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else None
    async with of_side(actor, seen_by):
        if asked.file_id is not None:
            await books.file(asked.file_id)
        found = await questions.waiting(asked, after=after, limit=PAGE_SIZE + 1)
        about = await books.exceptions_among([each.exception_id for each in found[:PAGE_SIZE]])
        seen = {each.id: books.seen_from(each, seen_by) for each in about}
        await _tell(actor, seen_by, about, "reconciliation.questions", now)
    shown = found[:PAGE_SIZE]
    # A file that was taken back meanwhile has left its questions behind.
    items = [_waiting(each, seen[each.exception_id]) for each in shown if each.exception_id in seen]
    is_more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(shown[-1].asked_at, shown[-1].id) if is_more else None)


async def rejected(
    actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime
) -> AsyncIterator[list[RowProblem]]:
    """Give why rows could not be read, a block at a time.

    :raises FileNotFound: also when it is another company's.
    """
    after = -1
    while True:
        async with of_side(actor, seen_by):
            held = await books.file(file_id)
            if after < 0:
                await _tell(actor, seen_by, [held], "reconciliation.rejected", now)
            found = await parts.rejected(file_id, after)
        if found is None:
            return
        after, problems = found
        yield problems


async def differences_of(
    actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime
) -> AsyncIterator[list[ReconExceptionRow]]:
    """Give a file's differences by kind, also the settled ones, a block at a time.

    :raises FileNotFound: also when it is another company's.
    """
    after, told = ("", UUID(int=0)), 0
    while told < EXPORTED_MAX:
        async with of_side(actor, seen_by):
            held = await books.file(file_id)
            if not told:
                await _tell(actor, seen_by, [held], "reconciliation.exceptions", now)
            found = await books.exceptions(file_id, seen_by=seen_by, after=after, limit=_BLOCK)
            block = await _rows(await views(found, now), seen_by)
        if not found:
            return
        after, told = _place(found[-1], seen_by), told + len(found)
        yield block


# ----------------------------------------------------------------------------------------- both


def kinds() -> list[tuple[Kind, str, str]]:
    """Call each kind of difference in Chinese and in English."""
    return words.kinds()


def ensure_owner(actor: Actor) -> None:
    """Refuse who does not see what the company earns."""
    actor.ensure_agent()
    ensure(actor, Permission.COMMISSIONS_SEE)


def ensure_of_side(actor: Actor, side: Side) -> None:
    """Refuse who neither keeps the books nor owns the agent."""
    if side is Side.HERE:
        ensure(actor, Permission.BOOKS_KEEP)
    else:
        ensure_owner(actor)


@contextlib.asynccontextmanager
async def of_side(actor: Actor, seen_by: Side, *, readonly: bool = True) -> AsyncIterator[None]:
    """Open the transaction of one side, for who may be there."""
    ensure_of_side(actor, seen_by)
    if seen_by is Side.HERE:
        async with db.platform_transaction(actor):
            yield
    else:
        async with db.tenant_transaction(actor.tenant_id, readonly=readonly):
            yield


async def _tell(
    actor: Actor,
    seen_by: Side,
    seen: Sequence[NewSource | FileView | ExceptionView | ReconExceptionView],
    what: str,
    now: datetime,
) -> None:
    """Have agents know what the platform looked at."""
    if seen_by is Side.HERE:
        await audit.record_platform_read(actor, [each.agent_id for each in seen], what, now=now)


def _of_file(found: FileView, open_of: Mapping[UUID, Standing]) -> dict[str, Any]:
    """Give what both views have of a file."""
    standing = open_of.get(found.id, Standing())
    same = ("id", "source_id", "agent_id", "file_name", "state", "read_until", "last_row")
    return {
        **{name: getattr(found, name) for name in (*same, "added_at", "compared_at")},
        "month": f"{found.period:%Y-%m}",
        "sha256": found.sha256.hex(),
        "open_exceptions": standing.open,
        "due_on": standing.due_on,
    }


async def detail(found: FileView, seen_by: Side) -> ReconFileDetail:
    """Give a file with what came of it, in an open transaction."""
    is_here = seen_by is Side.HERE
    is_compared = found.state is FileState.COMPARED
    kinds = await books.kinds(found.id) if is_compared else {}
    sides = await books.sides(found.id)
    return ReconFileDetail(
        **_of_file(found, await grouped.standing([found.id])),
        rejected_cells=await parts.rejected_count(found.id),
        matches=await books.steps(found.id) if is_compared else {},
        exceptions=kinds if is_here else {MIRRORED.get(k, k): n for k, n in kinds.items()},
        sides=sides
        if is_here
        else [msgspec.structs.replace(each, side=each.side.other) for each in sides],
    )


def _place(last: ExceptionView, seen_by: Side) -> tuple[str, UUID]:
    """Say behind what a list by kind goes on.

    The books go by the platform's word for a kind, which the agent sees in the mirror.
    """
    kind = last.kind if seen_by is Side.HERE else MIRRORED.get(last.kind, last.kind)
    return kind, last.id


async def views(found: Sequence[ExceptionView], now: datetime) -> list[ReconExceptionView]:
    """Give differences with their words and the agent's answers, in an open transaction."""
    ids = [each.id for each in found]
    answers = {row["exception_id"]: row for row in await db.connection().fetch(_ANSWERS, ids)}
    currencies, asked = await grouped.currencies(ids), await questions.asked_of(ids)
    return [
        _view(each, currencies[each.id], answers.get(each.id), now, is_asked=each.id in asked)
        for each in found
    ]


async def _rows(found: Sequence[ReconExceptionView], seen_by: Side) -> list[ReconExceptionRow]:
    """Add to differences what their lines are called on each side, in an open transaction."""
    named = await grouped.references([each.id for each in found], most=NUMBERS_MAX)
    return [
        ReconExceptionRow(
            **msgspec.structs.asdict(each),
            here_ids=named.get((each.id, seen_by), []),
            there_ids=named.get((each.id, seen_by.other), []),
        )
        for each in found
    ]


def _view(
    found: ExceptionView, currency: str, answer: Any, now: datetime, *, is_asked: bool
) -> ReconExceptionView:
    """Give one difference as people see it."""
    words_zh, words_en = words.difference(found.kind, found.cause)
    return ReconExceptionView(
        **msgspec.structs.asdict(found),
        currency=currency,
        words_zh=words_zh,
        words_en=words_en,
        is_overdue=found.is_overdue(now.astimezone(ZONE).date()),
        answer=answer and answer["said"],
        answered_at=answer and answer["said_at"],
        is_asked=is_asked,
    )


def _meant(asked: ReconFilter, seen_by: Side, now: datetime) -> ExceptionFilter:
    """Say which differences are meant in the platform's words, which the agent has mirrored."""
    kind = asked.kind
    if kind is not None and seen_by is Side.THERE:
        kind = MIRRORED.get(kind, kind)
    return ExceptionFilter(
        file_id=asked.file_id,
        agent_id=asked.agent_id,
        kind=kind,
        cause=asked.cause,
        due_before=now.astimezone(ZONE).date() if asked.overdue else None,
        is_open=asked.overdue or not asked.resolved,
    )


def _group(found: ExceptionsAlike, seen_by: Side) -> ReconGroup:
    """Give a group as one side sees it."""
    is_here = seen_by is Side.HERE
    kind = found.kind if is_here else MIRRORED.get(found.kind, found.kind)
    words_zh, words_en = words.difference(kind, found.cause)
    return ReconGroup(
        kind=kind,
        cause=found.cause,
        words_zh=words_zh,
        words_en=words_en,
        currency=found.currency,
        count=found.count,
        agents=len(found.agent_ids),
        here_minor=found.here_minor if is_here else found.there_minor,
        there_minor=found.there_minor if is_here else found.here_minor,
        due_on=found.due_on,
        overdue=found.overdue,
    )


def _waiting(found: ReconQuestionView, about: ExceptionView) -> WaitingQuestion:
    """Give a question that waits with what it is about."""
    words_zh, words_en = words.difference(about.kind, about.cause)
    return WaitingQuestion(
        **msgspec.structs.asdict(found),
        file_id=about.file_id,
        words_zh=words_zh,
        words_en=words_en,
    )


async def _program_names(found: Sequence[Line]) -> dict[str, str]:
    """Name the programs that lines have by their ids, in an open transaction."""
    wanted = {UUID(each.program) for each in found if _ID.fullmatch(each.program)}
    named = await benefits.program_names(wanted)
    return {str(program_id): name for program_id, name in named.items()}


def _line(found: Line, names: Mapping[str, str]) -> ReconLineView:
    """Give a line as people see it, without what would name somebody."""
    return ReconLineView(
        number=found.number,
        reference=found.id,
        customer=found.customer,
        program=names.get(found.program, found.program),
        amount_minor=found.amount_minor,
        currency=found.currency,
        on=found.on,
        state=found.state,
    )


def _differing(here: Sequence[Line], there: Sequence[Line]) -> list[str]:
    """Name the fields in which the sides say different things, whatever the order of their lines.

    An empty text says nothing.
    """

    def said(lines: Sequence[Line], name: str) -> list[Any]:
        return sorted(value for each in lines if (value := getattr(each, name)))

    both = {name: (said(here, name), said(there, name)) for name in _OF_A_LINE}
    return [name for name, (ours, theirs) in both.items() if ours and theirs and ours != theirs]
