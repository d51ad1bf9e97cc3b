"""Reconcile with an agent's file. Each function joins the platform's transaction.

A file is opened, its rows come in pieces (an interrupted one goes on where it stopped), then it is
compared with the platform's books of its month, once: what they say is written down, the lines of
both sides are gathered, matched by `rules.matching.reconcile` outside of any transaction, and what
came of it is kept. What differs is resolved one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

import msgspec

from billing.reconciliation import queries
from billing.reconciliation.rules.cells import ID, Cell
from billing.reconciliation.rules.columns import RowReader
from billing.reconciliation.rules.findings import (
    Break,
    Kind,
    Reconciled,
    Terms,
    due_on,
    month_after,
)
from billing.reconciliation.rules.lines import Book, Side, Words
from billing.reconciliation.schemas import (
    AlreadyResolved,
    Compared,
    ExceptionView,
    FileDiffers,
    FileIncomplete,
    FileNotLoading,
    FileSentTwice,
    FileState,
    FileView,
    NewFile,
    NewSource,
    Resolution,
    RowsUnread,
    SourceDiffers,
)
from billing.reconciliation.tables import (
    ReconException,
    ReconFile,
    ReconLine,
    ReconMatch,
    ReconSource,
)

T = TypeVar("T")

ZONE: Final = "Asia/Shanghai"
"""Where a day of the platform's books begins."""
_AT_ONCE: Final = 5_000
"""Rows of one statement."""

_SAVE: Final = """
INSERT INTO recon_source (id, agent_id, name, column_map, added_by, added_at)
VALUES ({}, {}, {}, {}::jsonb, {}, {}) ON CONFLICT (id) DO NOTHING RETURNING id
"""
_OPEN: Final = """
INSERT INTO recon_file (
    id, source_id, agent_id, period, file_name, sha256, header, last_row, state, added_by, added_at
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, 'loading', {}, {}) ON CONFLICT DO NOTHING
"""
_ADD_LINES: Final = """
INSERT INTO recon_line (
    file_id, agent_id, side, number, reference, customer, name, program, currency, amount_minor,
    on_day, state
)
SELECT {}, {}, 'there', number, id, customer, name, program, currency, amount_minor, "on", state
FROM jsonb_to_recordset({}::jsonb) AS line (
    number bigint, id text, customer text, name text, program text, currency text,
    amount_minor bigint, "on" date, state text
)
"""
_READ_ON: Final = "UPDATE recon_file SET read_until = {} WHERE id = {}"
_WITHDRAW: Final = "UPDATE recon_file SET state = 'withdrawn' WHERE id = {}"
# What the platform has booked for the agent in these days, as it stands now, and whatever the file
# names by its id: a benefit of another month is not a missing one. Each id is looked up by itself;
# a join that is planned for an agent of few benefits could hold each against all of the ids.
_EXTRACT: Final = """
INSERT INTO recon_line (
    file_id, agent_id, side, number, reference, customer, name, program, currency, amount_minor,
    on_day, state
)
SELECT {}, agent_id, 'here', row_number() OVER (ORDER BY booked.id), booked.id::text,
    customer_token, '', program_id::text, currency, amount_minor,
    (issued_at AT TIME ZONE {})::date,
    CASE state WHEN 'voided' THEN 'reversed' WHEN 'expired' THEN 'expired' ELSE 'active' END
FROM (
    SELECT id FROM issuance
    WHERE agent_id = {} AND (issued_at AT TIME ZONE {})::date >= {}::date
    AND (issued_at AT TIME ZONE {})::date < {}::date
    UNION
    SELECT CASE WHEN reference ~ {} THEN reference::uuid END
    FROM recon_line WHERE file_id = {} AND side = 'there'
) named
CROSS JOIN LATERAL (SELECT * FROM issuance WHERE agent_id = {} AND id = named.id LIMIT 1) booked
"""
_ADD_MATCHES: Final = """
INSERT INTO recon_match (file_id, agent_id, number, step, score, here, there)
SELECT {}, {}, number, step, score, here, there
FROM jsonb_to_recordset({}::jsonb) AS match (
    number bigint, step text, score integer, here bigint[], there bigint[]
)
"""
_ADD_EXCEPTIONS: Final = """
INSERT INTO recon_exception (
    id, file_id, agent_id, kind, cause, also, here, there, here_says, there_says, here_minor,
    there_minor, owner, opened_at, due_on
)
SELECT id, {}, {}, kind, cause, also, here, there, here_says, there_says, here_minor, there_minor,
    owner, {}, due_on
FROM jsonb_to_recordset({}::jsonb) AS found (
    id uuid, kind text, cause text, also text[], here bigint[], there bigint[], here_says text,
    there_says text, here_minor bigint, there_minor bigint, owner text, due_on date
)
"""
_EXTRACTED: Final = "UPDATE recon_file SET extracted_at = {} WHERE id = {}"
_COMPARED: Final = """
UPDATE recon_file SET state = 'compared', compared_at = {}, totals = recon_totals(id) WHERE id = {}
"""
_RESOLVE: Final = """
UPDATE recon_exception
SET outcome = {}, note = {}, group_id = {}, resolved_by = {}, resolved_at = {}
WHERE id = {}
"""

# Locked in the order of their ids, so that two who settle the same ones wait and never die.
_RESOLVE_MANY: Final = """
WITH held AS (
    SELECT id FROM recon_exception WHERE id = ANY ({}) AND outcome IS NULL
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE recon_exception
SET outcome = {}, note = {}, group_id = {}, resolved_by = {}, resolved_at = {}
WHERE id IN (SELECT id FROM held)
RETURNING id
"""


async def save_source(new: NewSource, *, actor_id: UUID, now: datetime) -> bool:
    """Save how an agent's files are read; say whether it was not saved before.

    :raises SourceDiffers: the id belongs to a source that is read in another way.
    """
    saved = await ReconSource.raw(
        _SAVE, new.id, new.agent_id, new.name, _json(new.column_map), actor_id, now
    )
    if await queries.source(new.id) != new:
        raise SourceDiffers("This source is read in another way; save a new one.")
    return bool(saved)


async def open_file(new: NewFile, *, actor_id: UUID, now: datetime) -> FileView:
    """Begin to take a file in. The same id and content is answered with how far it has come.

    :raises SourceNotFound: there is no such source.
    :raises ColumnsUnknown: and its kin, when the header does not fit the source's map.
    :raises FileSentTwice: the same bytes came before under another id.
    :raises FileDiffers: the id belongs to another file.
    """
    assert len(new.sha256) == 32, "a SHA-256 has 32 bytes"  # noqa: PLR2004 - as it says
    source = await queries.source(new.source_id)
    RowReader(new.header, source.column_map)
    await ReconFile.raw(
        _OPEN,
        *(new.id, new.source_id, source.agent_id, new.period, new.file_name, new.sha256),
        *(new.header, new.last_row, actor_id, now),
    )
    twin = await queries.file_of(source.agent_id, new.sha256)
    if twin is not None and twin.id != new.id:
        raise FileSentTwice(twin.id)
    view = await queries.file(new.id)
    if any(getattr(view, name) != value for name, value in msgspec.structs.asdict(new).items()):
        raise FileDiffers("This id belongs to another file; make a new one.")
    return view


async def add_rows(
    file_id: UUID, rows: Sequence[tuple[int, Sequence[Cell]]], *, after: int
) -> FileView:
    """Take the rows that come after one, with their numbers. Sent again, they are there once.

    :raises RowsUnread: some cells cannot be read; nothing of these rows is kept.
    :raises FileIncomplete: rows before these are missing.
    :raises FileNotLoading: the file was compared or withdrawn.
    """
    assert rows, "there are rows"
    numbers = [number for number, _ in rows]
    assert numbers == sorted(set(numbers)), "rows come in order"
    assert after < numbers[0], "rows come after what was there"
    view = await _loading(file_id)
    if numbers[-1] <= view.read_until:
        return view
    if after != view.read_until or numbers[-1] > view.last_row:
        raise FileIncomplete(view.read_until)
    source = await queries.source(view.source_id)
    lines, problems = RowReader(view.header, source.column_map).read(rows)
    if problems:
        raise RowsUnread(problems)
    await ReconLine.raw(_ADD_LINES, file_id, view.agent_id, _json(lines))
    await ReconFile.raw(_READ_ON, numbers[-1], file_id)
    return await queries.file(file_id)


async def withdraw(file_id: UUID) -> FileView:
    """Give a file up that cannot be read; the same bytes may come again.

    :raises FileNotLoading: it was compared or withdrawn.
    """
    await _loading(file_id)
    await ReconFile.raw(_WITHDRAW, file_id)
    return await queries.file(file_id)


async def extract(file_id: UUID, terms: Terms, *, now: datetime) -> None:
    """Write down what the platform's books say now of a whole file's month, once.

    The days around the month are looked at, too; what is booked there and not in the file is
    another month's.

    :raises FileIncomplete: rows are missing.
    :raises FileNotLoading: it was withdrawn.
    """
    view = await queries.file_for_update(file_id)
    if view.extracted_at is not None:
        return
    _ensure_loading(view)
    if view.read_until < view.last_row:
        raise FileIncomplete(view.read_until)
    around = timedelta(days=terms.window_days)
    begins, ends = view.period - around, month_after(view.period) + around
    await ReconLine.raw(
        *(_EXTRACT, file_id, ZONE, view.agent_id, ZONE, begins, ZONE, ends),
        *(f"^{ID.pattern}$", file_id, view.agent_id),
    )
    await ReconFile.raw(_EXTRACTED, now, file_id)


async def gather(file_id: UUID) -> tuple[Book, Book]:
    """Give the lines of both sides, this one's first. Once extracted they stay as they are."""
    words = Words()
    return await _book(file_id, Side.HERE, words), await _book(file_id, Side.THERE, words)


async def keep(file_id: UUID, found: Reconciled, *, now: datetime) -> Compared:
    """Keep what came of the gathered lines, once; later calls are answered with the first one's.

    :raises FileNotLoading: it was withdrawn.
    """
    view = await queries.file_for_update(file_id)
    if view.state is not FileState.COMPARED:
        _ensure_loading(view)
        assert view.extracted_at is not None, "what is kept came of lines that stay"
        await _keep_matches(view, found)
        await _keep_exceptions(view, _of_this_month(view.period, found), now=now)
        await ReconFile.raw(_COMPARED, now, file_id)
    return await queries.compared(file_id)


async def resolve(
    exception_id: UUID, said: Resolution, *, actor_id: UUID, now: datetime
) -> ExceptionView:
    """Say what came of a break; the same again is answered the same.

    :raises ExceptionNotFound: there is no such exception.
    :raises AlreadyResolved: something else was said before.
    """
    held = await queries.exception_for_update(exception_id)
    if held.outcome is None:
        await ReconException.raw(
            _RESOLVE, said.outcome, said.note, said.group_id, actor_id, now, exception_id
        )
        return await queries.exception(exception_id)
    if (held.outcome, held.note, held.group_id) != (said.outcome, said.note, said.group_id):
        raise AlreadyResolved("Somebody has resolved this already; look at it as it is now.")
    return held


async def resolve_many(
    exception_ids: Sequence[UUID], said: Resolution, *, actor_id: UUID, now: datetime
) -> set[UUID]:
    """Say what came of those of some breaks of which nothing was said before; give their ids."""
    rows = await ReconException.raw(
        *(_RESOLVE_MANY, list(exception_ids)),
        *(said.outcome, said.note, said.group_id, actor_id, now),
    )
    return {row["id"] for row in rows}


# ---------------------------------------------------------------------------------- comparing


async def _loading(file_id: UUID) -> FileView:
    """Lock a file that is being taken in."""
    view = await queries.file_for_update(file_id)
    _ensure_loading(view)
    return view


def _ensure_loading(view: FileView) -> None:
    """Refuse a file that was compared or withdrawn."""
    if view.state is not FileState.LOADING:
        raise FileNotLoading(f"This file is {view.state} already.")


async def _book(file_id: UUID, side: Side, words: Words) -> Book:
    """Read the lines of one side as columns, never all of them as lines."""
    book = Book(words)
    async for line in queries.lines(file_id, side):
        book.add(line)
    return book


def _of_this_month(period: date, found: Reconciled) -> Iterable[Break]:
    """Leave out what only the books have, of days that are another month's."""
    days = dict(zip(found.here.numbers, found.here.days, strict=True))
    month = range(period.toordinal(), month_after(period).toordinal())
    for each in found.breaks:
        if each.kind is not Kind.MISSING_THERE or days[each.here[0]] in month:
            yield each


async def _keep_matches(view: FileView, found: Reconciled) -> None:
    """Write the matches down."""
    for some in _pieces(enumerate(found.matches(), 1)):
        rows = [{"number": n, **msgspec.to_builtins(match)} for n, match in some]
        await ReconMatch.raw(_ADD_MATCHES, view.id, view.agent_id, _json(rows))


async def _keep_exceptions(view: FileView, found: Iterable[Break], *, now: datetime) -> None:
    """Write the breaks down, each under an id that follows from what it is."""
    for some in _pieces(found):
        rows: list[dict[str, Any]] = [
            {
                **msgspec.to_builtins(each),
                "id": uuid5(view.id, f"{each.kind}:{each.here}:{each.there}"),
                "due_on": due_on(each.kind, now.date()),
            }
            for each in some
        ]
        await ReconException.raw(_ADD_EXCEPTIONS, view.id, view.agent_id, now, _json(rows))


def _pieces(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into as many as one statement takes."""
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _json(value: object) -> str:
    """Lay values out as the database reads them."""
    return msgspec.json.encode(value).decode()
