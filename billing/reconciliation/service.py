"""Reconcile with an agent's file. Each function joins the platform's transaction.

A file is opened and its rows come, then it is compared with the platform's books of its month,
once: what they say is written down, the lines of both sides are gathered, matched by
`rules.matching.reconcile` outside of any transaction, and what came of it is kept. All that goes in
pieces, a transaction each, and goes on behind the last one, whoever was stopped where. What differs
is resolved one by one.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from billing.reconciliation import queries
from billing.reconciliation.rules.cells import ID, Cell
from billing.reconciliation.rules.columns import RowReader
from billing.reconciliation.rules.findings import (
    Break,
    Match,
    Reconciled,
    Terms,
    due_on,
    month_after,
)
from billing.reconciliation.rules.lines import Book, Side
from billing.reconciliation.schemas import (
    AlreadyResolved,
    ExceptionView,
    FileAwaited,
    FileDiffers,
    FileGivenUp,
    FileGoneBy,
    FileIncomplete,
    FileNotCompared,
    FileNotLoading,
    FileSentTwice,
    FileSettled,
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

ZONE: Final = "Asia/Shanghai"
"""Where a day of the platform's books begins."""
_CLOCK: Final = ZoneInfo(ZONE)
AT_ONCE: Final = 10_000
"""Lines of a piece that is read."""
KEPT_AT_ONCE: Final = 5_000
"""Matches or exceptions of a piece that is kept."""

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
_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))"
_GIVE_UP: Final = "UPDATE recon_file SET state = {} WHERE id = {}"
# A benefit as the platform books it: what is left of it, unless it was withdrawn as a whole.
_HERE: Final = """
INSERT INTO recon_line (
    file_id, agent_id, side, number, reference, customer, name, program, currency, amount_minor,
    on_day, state
)
SELECT {}, agent_id, 'here',
    row_number() OVER (ORDER BY id) + coalesce((
        SELECT number FROM recon_line WHERE file_id = {} AND side = 'here'
        ORDER BY number DESC LIMIT 1
    ), 0),
    id::text, customer_token, '', program_id::text, currency,
    amount_minor - CASE WHEN state IN ('voided', 'expired') THEN 0 ELSE released_minor END,
    (issued_at AT TIME ZONE {})::date,
    CASE state WHEN 'voided' THEN 'reversed' WHEN 'expired' THEN 'expired' ELSE 'active' END
"""
_IS_AROUND: Final = """
(issued_at AT TIME ZONE {})::date >= {} AND (issued_at AT TIME ZONE {})::date < {}
"""
# The agent's next benefits, as they stand now, of which those of the month and around are kept.
_EXTRACT_MONTH: Final = f"""
WITH looked_at AS MATERIALIZED (
    SELECT * FROM issuance WHERE agent_id = {{}} AND id > {{}} ORDER BY id LIMIT {{}}
), written AS (
    {_HERE} FROM looked_at WHERE {_IS_AROUND}
)
SELECT id FROM looked_at ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - of constants
# What rows of the file name by its id and is booked elsewhere: a benefit of another month is not a
# missing one. Each id is looked up by itself; a join that is planned for an agent of few benefits
# could hold each against all of the ids.
_EXTRACT_NAMED: Final = f"""
{_HERE} FROM (
    SELECT DISTINCT reference FROM recon_line
    WHERE file_id = {{}} AND side = 'there' AND number > {{}} AND number <= {{}}
    AND reference ~ {{}}
) named
CROSS JOIN LATERAL (
    SELECT * FROM issuance
    WHERE agent_id = {{}} AND id = named.reference::uuid AND NOT ({_IS_AROUND}) LIMIT 1
) booked
ON CONFLICT (file_id, reference) WHERE side = 'here' DO NOTHING
"""  # noqa: S608 - of constants
_BOOKED_UNTIL: Final = "UPDATE recon_file SET booked_until = {} WHERE id = {}"
_NAMED_UNTIL: Final = "UPDATE recon_file SET named_until = {} WHERE id = {}"
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
_EXTRACTED: Final = """
UPDATE recon_file SET extracted_at = {}, goes_by = ARRAY(
    SELECT other.id FROM recon_file other
    WHERE other.agent_id = recon_file.agent_id AND other.state = 'compared' AND other.period
        BETWEEN recon_file.period - interval '1 month' AND recon_file.period + interval '1 month'
    ORDER BY other.id
)
WHERE id = {} AND NOT EXISTS (
    SELECT FROM recon_file other WHERE other.agent_id = recon_file.agent_id
    AND other.state = 'loading' AND other.extracted_at IS NOT NULL
) RETURNING id
"""
_COMPARED: Final = """
UPDATE recon_file SET state = 'compared', compared_at = {}, totals = {}::jsonb WHERE id = {}
"""
_RESOLVE: Final = """
UPDATE recon_exception
SET outcome = {}, note = {}, group_id = {}, resolved_by = {}, resolved_at = {}
WHERE id = {}
"""

# Locked in the order of their ids, so that two who settle the same ones wait and never die.
_RESOLVE_MANY: Final = f"""
WITH held AS (
    SELECT id FROM recon_exception e WHERE id = ANY ({{}}) AND outcome IS NULL AND {queries.IS_TOLD}
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE recon_exception
SET outcome = {{}}, note = {{}}, group_id = {{}}, resolved_by = {{}}, resolved_at = {{}}
WHERE id IN (SELECT id FROM held)
RETURNING id
"""  # noqa: S608 - of constants


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
    :raises FileGivenUp: the file of this id was withdrawn or has failed.
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
    if view.state in (FileState.WITHDRAWN, FileState.FAILED):
        raise FileGivenUp("The file of this id was given up; send it anew under another id.")
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

    :raises FileNotLoading: it was compared or given up.
    """
    return await _given_up(file_id, FileState.WITHDRAWN)


async def fail(file_id: UUID) -> FileView:
    """Give a file up that nobody goes on with; the same bytes may come again.

    :raises FileNotLoading: it was compared or given up.
    """
    return await _given_up(file_id, FileState.FAILED)


async def take_back(file_id: UUID, terms: Terms) -> FileView:
    """Give a compared file up, once: what was found stays and counts no more.

    The same bytes may come again, for another month, too.

    :raises FileNotCompared: it is on its way, or has failed.
    :raises FileAwaited: another file is being compared with what this one has.
    :raises FileSettled: of some of what differs it is known what came of it.
    :raises FileGoneBy: a later file was compared with what this one has.
    """
    view = await queries.file_for_update(file_id)
    if view.state is FileState.WITHDRAWN:
        return view
    if view.state is not FileState.COMPARED:
        raise FileNotCompared(f"This file is {view.state}; only a compared one is taken back.")
    await _take_turn(view.agent_id)
    if await queries.is_comparing(view.agent_id):
        raise FileAwaited("Another file of this agent is being compared; take it back after that.")
    if await queries.is_settled(file_id):
        raise FileSettled("Some of what differs is settled already, so that the file stays.")
    if await _is_gone_by(view, terms):
        raise FileGoneBy("A later file was compared with what this one has; take that back first.")
    await ReconFile.raw(_GIVE_UP, FileState.WITHDRAWN, file_id)
    return await queries.file(file_id)


async def _is_gone_by(view: FileView, terms: Terms) -> bool:
    """Say whether a later file that stands found benefits matched in this one."""
    for later in await queries.going_by(view):
        after: int | None = 0
        while after is not None:
            after, found = await queries.matched(
                view.id, *_around(later, terms), after=after, limit=AT_ONCE
            )
            if found:
                return True
    return False


async def _given_up(file_id: UUID, state: FileState) -> FileView:
    """End a file that is being taken in."""
    await _loading(file_id)
    await ReconFile.raw(_GIVE_UP, state, file_id)
    return await queries.file(file_id)


async def extract_some(file_id: UUID, terms: Terms) -> bool:
    """Write down the next piece of what the platform's books say now; say whether there was one.

    That is a whole file's month, once; the days around it, in which what the file does not have is
    another month's; and whatever else the file names. Each benefit is written as it stands at the
    moment of its piece.

    :raises FileIncomplete: rows are missing.
    :raises FileNotLoading: it was given up.
    """
    view = await queries.file_for_update(file_id)
    _ensure_loading(view)
    if view.named_until == view.last_row or view.extracted_at is not None:
        return False
    if view.read_until < view.last_row:
        raise FileIncomplete(view.read_until)
    since, before = _around(view, terms)
    days = (ZONE, since, ZONE, before)
    here = (file_id, file_id, ZONE)
    if view.named_until is None:
        await queries.go_by_index()
        piece = (view.agent_id, await queries.booked_until(file_id), AT_ONCE)
        booked = await ReconLine.raw(_EXTRACT_MONTH, *piece, *here, *days)
        if booked:
            await ReconFile.raw(_BOOKED_UNTIL, booked[0]["id"], file_id)
        else:
            await ReconFile.raw(_NAMED_UNTIL, 0, file_id)
    else:
        until = min(view.named_until + AT_ONCE, view.last_row)
        rows = (file_id, view.named_until, until, f"^{ID.pattern}$", view.agent_id)
        await ReconLine.raw(_EXTRACT_NAMED, *here, *rows, *days)
        await ReconFile.raw(_NAMED_UNTIL, until, file_id)
    return True


async def begin(file_id: UUID, *, now: datetime) -> bool:
    """Begin to compare a file beside which the books are written down; say whether it may be.

    Of one agent's files one is compared at a time, so that each knows what the others have.

    :raises FileNotLoading: it was compared or given up.
    """
    view = await _loading(file_id)
    if view.extracted_at is not None:
        return True
    assert view.named_until == view.last_row, "the books are written down"
    await _take_turn(view.agent_id)
    return bool(await ReconFile.raw(_EXTRACTED, now, file_id))


async def _take_turn(agent_id: UUID) -> None:
    """Wait for whoever begins to compare an agent's file or takes one back, till they are done."""
    await ReconFile.raw(_IN_TURN, f"reconciliation:{agent_id}")


async def gather_some(file_id: UUID, side: Side, book: Book) -> bool:
    """Add the next lines of one side to a book; say whether there were any.

    Once extracted they stay as they are.
    """
    after = book.numbers[-1] if book.numbers else 0
    lines = await queries.lines(file_id, side, after=after, limit=AT_ONCE)
    if lines is not None:
        book.extend(lines)
    return lines is not None


async def gather_elsewhere(
    file_id: UUID, other_id: UUID, terms: Terms, book: Book, *, after: int
) -> int | None:
    """Note of the next of another file's matches which benefits around the month they have.

    :returns: the last match that was looked at; None behind the last.
    """
    view = await queries.file(file_id)
    last, found = await queries.matched(other_id, *_around(view, terms), after=after, limit=AT_ONCE)
    book.elsewhere.update(map(book.words.code, found))
    return last


async def keep_some(file_id: UUID, found: Reconciled, *, now: datetime) -> bool:
    """Keep the next piece of what came of the gathered lines, once; say whether more is left.

    The same lines come to the same, so that whoever has gathered and matched them goes on where
    another one stopped. Of the exceptions nothing is seen before the last piece.

    :raises FileNotLoading: it was compared or given up.
    """
    view = await queries.file_for_update(file_id)
    _ensure_loading(view)
    assert view.extracted_at is not None, "what is kept came of lines that stay"
    matches, exceptions = await queries.kept(file_id)
    if matches < found.match_count:
        await _keep_matches(view, islice(found.matches(matches), KEPT_AT_ONCE), after=matches)
    elif exceptions < len(found.breaks):
        await _keep_exceptions(view, found.breaks[exceptions : exceptions + KEPT_AT_ONCE])
    else:
        totals = [
            {"side": side, "currency": currency, **msgspec.to_builtins(total)}
            for side in Side
            for currency, total in found.totals(side).items()
        ]
        await ReconFile.raw(_COMPARED, now, _json(totals), file_id)
        return False
    return True


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
    await queries.hold_files(exception_ids)
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


def _around(view: FileView, terms: Terms) -> tuple[date, date]:
    """Give the first day around a file's month, and the one behind the last."""
    around = timedelta(days=terms.window_days)
    return view.period - around, month_after(view.period) + around


async def _keep_matches(view: FileView, matches: Iterable[Match], *, after: int) -> None:
    """Write matches down behind those that are there."""
    rows = [{"number": n, **msgspec.to_builtins(each)} for n, each in enumerate(matches, after + 1)]
    await ReconMatch.raw(_ADD_MATCHES, view.id, view.agent_id, _json(rows))


async def _keep_exceptions(view: FileView, found: Iterable[Break]) -> None:
    """Write breaks down as of the moment of the extract, each under an id that follows from it."""
    assert view.extracted_at is not None, "what is kept came of lines that stay"
    today = view.extracted_at.astimezone(_CLOCK).date()
    rows: list[dict[str, Any]] = [
        {
            **msgspec.to_builtins(each),
            "id": uuid5(view.id, f"{each.kind}:{each.here}:{each.there}"),
            "due_on": due_on(each.kind, today),
        }
        for each in found
    ]
    opened = view.extracted_at
    await ReconException.raw(_ADD_EXCEPTIONS, view.id, view.agent_id, opened, _json(rows))


def _json(value: object) -> str:
    """Lay values out as the database reads them."""
    return msgspec.json.encode(value).decode()
