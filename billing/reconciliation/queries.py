"""Read reconciliations. An agent's transaction sees those with it, the platform's role all."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.reconciliation.rules.findings import MIRRORED, Kind, Step
from billing.reconciliation.rules.lines import STATES, Columns, Side
from billing.reconciliation.schemas import (
    ExceptionNotFound,
    ExceptionView,
    FileNotFound,
    FileView,
    NewSource,
    SideTotal,
    SourceNotFound,
)
from billing.reconciliation.tables import (
    ReconException,
    ReconFile,
    ReconLine,
    ReconMatch,
    ReconSource,
)

_SOURCE: Final = "SELECT id, agent_id, name, column_map FROM recon_source WHERE id = {}"
_FILE: Final = """
SELECT id, source_id, agent_id, period, file_name, sha256, header, last_row, read_until, state,
    added_at, named_until, extracted_at, compared_at
FROM recon_file WHERE
"""
_SOURCES: Final = """
SELECT id, agent_id, name, column_map FROM recon_source
WHERE ({}::uuid IS NULL OR agent_id = {}) AND ({}::uuid IS NULL OR id > {}) ORDER BY id LIMIT {}
"""
_FILES: Final = """
({}::uuid IS NULL OR agent_id = {}) AND ({}::date IS NULL OR (period, id) < ({}, {}))
ORDER BY period DESC, id DESC LIMIT {}
"""
# As columns, which cost a quarter of what as many rows do.
_LINES: Final = """
SELECT array_agg(number) AS numbers, array_agg(reference) AS ids,
    array_agg(customer) AS customers, array_agg(name) AS names, array_agg(program) AS programs,
    array_agg(currency) AS currencies, array_agg(amount_minor) AS amounts,
    array_agg(on_day - date '0001-01-01' + 1) AS days,
    array_agg(array_position({}::text[], state) - 1) AS states
FROM (
    SELECT * FROM recon_line WHERE file_id = {} AND side = {} AND number > {}
    ORDER BY number LIMIT {}
) page
"""
_NEIGHBOURS: Final = "SELECT unnest(goes_by) AS id FROM recon_file WHERE id = {}"
_GOING_BY: Final = "agent_id = {} AND state = 'compared' AND {} = ANY (goes_by) ORDER BY id"
_MATCHED: Final = """
SELECT max(number) AS until,
    coalesce(array_agg(reference) FILTER (WHERE reference IS NOT NULL), ARRAY[]::text[]) AS found
FROM (
    SELECT number, unnest(here) AS here FROM (
        SELECT number, here FROM recon_match WHERE file_id = {} AND number > {}
        ORDER BY number LIMIT {}
    ) piece
) match
LEFT JOIN LATERAL (
    SELECT reference FROM recon_line
    WHERE file_id = {} AND side = 'here' AND number = match.here AND on_day >= {} AND on_day < {}
    LIMIT 1
) line ON true
"""
# What comes of a file is seen when all of it is there.
IS_TOLD: Final = "(SELECT state FROM recon_file WHERE id = e.file_id) = 'compared'"
_EXCEPTION: Final = f"""
SELECT id, file_id, agent_id, kind, cause, also, here, there, here_says, there_says, here_minor,
    there_minor, owner, opened_at, due_on, outcome, note, group_id, resolved_at
FROM recon_exception e WHERE {IS_TOLD} AND
"""  # noqa: S608 - of constants
# Matches are numbered from 1 without a gap, so that the last one counts them.
_KEPT: Final = """
SELECT coalesce((
    SELECT number FROM recon_match WHERE file_id = {} ORDER BY number DESC LIMIT 1
), 0) AS matches, (SELECT count(*) FROM recon_exception WHERE file_id = {}) AS exceptions
"""
_BOOKED: Final = """
SELECT 1 AS one FROM ledger_transfer transfer
JOIN ledger_account account ON account.id IN (transfer.debit_id, transfer.credit_id)
WHERE transfer.group_id = {} AND account.owner_id = {} LIMIT 1
"""
# In the order of their ids, as whoever comes after waits and never dies.
_HOLD: Final = """
SELECT id FROM recon_file
WHERE id IN (SELECT file_id FROM recon_exception WHERE id = ANY ({})) ORDER BY id FOR SHARE
"""
_BEING_COMPARED: Final = """
SELECT id FROM recon_file
WHERE agent_id = {} AND state = 'loading' AND extracted_at IS NOT NULL
"""
_SETTLED: Final = """
SELECT id FROM recon_exception WHERE file_id = {} AND outcome IS NOT NULL LIMIT 1
"""
_OVERDUE: Final = " outcome IS NULL AND due_on < {} ORDER BY due_on, id LIMIT {}"
_OF_FILE: Final = " file_id = {} AND (kind, id) > ({}, {}) ORDER BY kind, id LIMIT {}"
_STEPS: Final = """
SELECT step, count(*) AS count FROM recon_match WHERE file_id = {} GROUP BY step ORDER BY step
"""
_KINDS: Final = """
SELECT kind, count(*) AS count FROM recon_exception WHERE file_id = {} GROUP BY kind ORDER BY kind
"""
# What an exception is about are a few lines, looked up one by one.
_SIDES: Final = """
WITH broken AS (
    SELECT told.side, line.currency,
        coalesce(sum(line.minor) FILTER (WHERE outcome IS NULL), 0) AS open_minor,
        coalesce(sum(line.minor) FILTER (WHERE outcome IS NOT NULL), 0) AS settled_minor
    FROM recon_exception
    CROSS JOIN LATERAL (
        SELECT 'here' AS side, unnest(here) AS number UNION ALL SELECT 'there', unnest(there)
    ) told
    CROSS JOIN LATERAL (
        SELECT currency, CASE WHEN state = 'active' THEN amount_minor ELSE 0 END AS minor
        FROM recon_line WHERE file_id = {} AND side = told.side AND number = told.number LIMIT 1
    ) line
    WHERE file_id = {}
    GROUP BY told.side, line.currency
)
SELECT side, currency, lines, counting_minor, matched_minor,
    coalesce(open_minor, 0)::bigint AS open_minor,
    coalesce(settled_minor, 0)::bigint AS settled_minor
FROM recon_file CROSS JOIN LATERAL jsonb_to_recordset(totals) AS total (
    side text, currency text, lines bigint, counting_minor bigint, matched_minor bigint
)
LEFT JOIN broken USING (side, currency)
WHERE recon_file.id = {} AND state = 'compared' ORDER BY side, currency
"""


async def source(source_id: UUID) -> NewSource:
    """Give how files of a source are read.

    :raises SourceNotFound: there is none.
    """
    rows = await ReconSource.raw(_SOURCE, source_id)
    if not rows:
        raise SourceNotFound("There is no such source.")
    return _source(rows[0])


async def sources(
    *, agent_id: UUID | None = None, after: UUID | None = None, limit: int
) -> list[NewSource]:
    """List how files are read, of one agent or of all, by id."""
    return [
        _source(row)
        for row in await ReconSource.raw(_SOURCES, agent_id, agent_id, after, after, limit)
    ]


def _source(row: dict[str, Any]) -> NewSource:
    """Read a source."""
    return msgspec.convert(row | {"column_map": msgspec.json.decode(row["column_map"])}, NewSource)


async def file(file_id: UUID) -> FileView:
    """Give a file and how far it has come.

    :raises FileNotFound: there is none.
    """
    return _one_file(await ReconFile.raw(_FILE + "id = {}", file_id))


async def files(
    *, agent_id: UUID | None = None, before: tuple[date, UUID] | None = None, limit: int
) -> list[FileView]:
    """List the files of one agent or of all that are seen, the newest month first.

    :param before: month and id of the last one of the page before.
    """
    period, file_id = before or (None, None)
    rows = await ReconFile.raw(_FILE + _FILES, agent_id, agent_id, period, period, file_id, limit)
    return msgspec.convert(rows, list[FileView])


async def file_for_update(file_id: UUID) -> FileView:
    """Give a file, locked until the end of the transaction.

    :raises FileNotFound: there is none.
    """
    return _one_file(await ReconFile.raw(_FILE + "id = {} FOR NO KEY UPDATE", file_id))


async def file_of(agent_id: UUID, sha256: bytes) -> FileView | None:
    """Give the agent's file that has these bytes, unless it was given up."""
    where = "agent_id = {} AND sha256 = {} AND state NOT IN ('withdrawn', 'failed')"
    rows = await ReconFile.raw(_FILE + where, agent_id, sha256)
    return _one_file(rows) if rows else None


async def loading() -> list[UUID]:
    """List the files of all agents that are on their way."""
    rows = await ReconFile.raw("SELECT id FROM recon_file WHERE state = 'loading' ORDER BY id")
    return [row["id"] for row in rows]


async def booked_until(file_id: UUID) -> UUID:
    """Give the benefit up to which the books have been written down beside a file."""
    [row] = await ReconFile.raw("SELECT booked_until FROM recon_file WHERE id = {}", file_id)
    return row["booked_until"] or UUID(int=0)


async def go_by_index() -> None:
    """Let what is read in order in this transaction go by its index and stop where its piece ends.

    Where most files and agents are small a piece is guessed to be few rows: all that is behind it
    would be read and sorted for each.
    """
    await ReconFile.raw("SET LOCAL enable_bitmapscan = off")


def _one_file(rows: list[dict[str, object]]) -> FileView:
    """Take the one row that there is."""
    if not rows:
        raise FileNotFound("There is no such file.")
    return msgspec.convert(rows[0], FileView)


async def lines(file_id: UUID, side: Side, *, after: int, limit: int) -> Columns | None:
    """Give lines of one side that come after one, in order; None where there are none."""
    await go_by_index()
    [row] = await ReconLine.raw(_LINES, list(STATES), file_id, side, after, limit)
    return Columns(**row) if row["numbers"] else None


async def neighbours(file_id: UUID) -> list[UUID]:
    """List the agent's files by which a file goes: of its month and next to it, compared before."""
    return [row["id"] for row in await ReconFile.raw(_NEIGHBOURS, file_id)]


async def going_by(view: FileView) -> list[FileView]:
    """List the compared files that go by one."""
    rows = await ReconFile.raw(_FILE + _GOING_BY, view.agent_id, view.id)
    return msgspec.convert(rows, list[FileView])


async def matched(
    file_id: UUID, since: date, until: date, *, after: int, limit: int
) -> tuple[int | None, list[str]]:
    """Give the ids of benefits of some days that a file's matches after one have.

    :returns: the last match that was looked at, None behind the last; and the ids.
    """
    await go_by_index()
    [row] = await ReconMatch.raw(_MATCHED, file_id, after, limit, file_id, since, until)
    return row["until"], row["found"]


async def kept(file_id: UUID) -> tuple[int, int]:
    """Count the matches and the exceptions that are written down of a file so far."""
    [row] = await ReconMatch.raw(_KEPT, file_id, file_id)
    return row["matches"], row["exceptions"]


async def kinds(file_id: UUID) -> dict[Kind, int]:
    """Count the exceptions of a compared file by their kind."""
    return {Kind(row["kind"]): row["count"] for row in await ReconException.raw(_KINDS, file_id)}


async def steps(file_id: UUID) -> dict[Step, int]:
    """Count the matches of a compared file by the step that found them."""
    return {Step(row["step"]): row["count"] for row in await ReconMatch.raw(_STEPS, file_id)}


async def sides(file_id: UUID) -> list[SideTotal]:
    """Say what both sides of a compared file come to: matched, open and settled; else nothing."""
    return msgspec.convert(await ReconLine.raw(_SIDES, *[file_id] * 3), list[SideTotal])


async def exception(exception_id: UUID, *, seen_by: Side = Side.HERE) -> ExceptionView:
    """Give one exception, as the platform or as the agent sees it.

    :raises ExceptionNotFound: there is none.
    """
    return _one_exception(await ReconException.raw(_EXCEPTION + "id = {}", exception_id), seen_by)


async def exceptions_among(exception_ids: Sequence[UUID]) -> list[ExceptionView]:
    """Give those of some exceptions that there are, by id, as the platform sees them."""
    rows = await ReconException.raw(_EXCEPTION + "id = ANY ({}) ORDER BY id", list(exception_ids))
    return msgspec.convert(rows, list[ExceptionView])


async def exception_for_update(exception_id: UUID) -> ExceptionView:
    """Give one exception, locked until the end of the transaction, and its file held.

    :raises ExceptionNotFound: there is none.
    """
    await hold_files([exception_id])
    rows = await ReconException.raw(_EXCEPTION + "id = {} FOR NO KEY UPDATE", exception_id)
    return _one_exception(rows, Side.HERE)


async def hold_files(exception_ids: Sequence[UUID]) -> None:
    """Have the files of some exceptions stay as they are until the end of the transaction."""
    await ReconFile.raw(_HOLD, list(exception_ids))


def _one_exception(rows: list[dict[str, object]], seen_by: Side) -> ExceptionView:
    """Take the one row that there is."""
    if not rows:
        raise ExceptionNotFound("There is no such exception.")
    return seen_from(msgspec.convert(rows[0], ExceptionView), seen_by)


async def exceptions(
    file_id: UUID,
    *,
    seen_by: Side = Side.HERE,
    after: tuple[str, UUID] = ("", UUID(int=0)),
    limit: int,
) -> list[ExceptionView]:
    """List a file's exceptions by kind, as the platform or as the agent sees them.

    :param after: kind (as the platform calls it) and id of the last one of the page before.
    """
    rows = await ReconException.raw(_EXCEPTION + _OF_FILE, file_id, *after, limit)
    return [seen_from(each, seen_by) for each in msgspec.convert(rows, list[ExceptionView])]


async def is_booked(group_id: UUID, agent_id: UUID) -> bool:
    """Say whether a group has a transfer that moves an agent's account."""
    return bool(await ReconException.raw(_BOOKED, group_id, agent_id))


async def is_comparing(agent_id: UUID) -> bool:
    """Say whether one of an agent's files is being compared."""
    return bool(await ReconFile.raw(_BEING_COMPARED, agent_id))


async def is_settled(file_id: UUID) -> bool:
    """Say whether it is known what came of any of a file's exceptions."""
    return bool(await ReconException.raw(_SETTLED, file_id))


async def overdue(today: date, *, limit: int) -> list[ExceptionView]:
    """List what should have been resolved before a day, the longest overdue first."""
    rows = await ReconException.raw(_EXCEPTION + _OVERDUE, today, limit)
    return msgspec.convert(rows, list[ExceptionView])


def seen_from(view: ExceptionView, seen_by: Side) -> ExceptionView:
    """Turn an exception round for the agent, to whom `here` is its own book."""
    if seen_by is Side.HERE:
        return view
    return msgspec.structs.replace(
        view,
        kind=MIRRORED.get(view.kind, view.kind),
        also=[MIRRORED.get(kind, kind) for kind in view.also],
        here=view.there,
        there=view.here,
        here_says=view.there_says,
        there_says=view.here_says,
        here_minor=view.there_minor,
        there_minor=view.here_minor,
        owner=view.owner.other,
    )
