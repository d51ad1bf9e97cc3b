"""Read what differs between the books across files, by group and one by one.

An agent's transaction sees what is with it, the platform's role all. Kinds are called here as the
platform calls them.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from billing.reconciliation.queries import IS_TOLD, seen_from
from billing.reconciliation.rules.lines import Line, Side
from billing.reconciliation.schemas import ExceptionFilter, ExceptionsAlike, ExceptionView, Standing
from billing.reconciliation.tables import ReconException, ReconLine

LINES_MAX: Final = 50
"""So many lines of a side are shown of one difference."""

# The first line that a difference is about; it says the currency.
_FIRST_LINE: Final = """
JOIN recon_line line ON line.file_id = e.file_id
AND line.side = CASE WHEN cardinality(e.here) > 0 THEN 'here' ELSE 'there' END
AND line.number = coalesce(e.here[1], e.there[1])
"""
_GROUPS: Final = f"""
SELECT e.kind, e.cause, line.currency, count(*) AS count,
    array_agg(DISTINCT e.agent_id) AS agent_ids, sum(e.here_minor)::bigint AS here_minor,
    sum(e.there_minor)::bigint AS there_minor, min(e.due_on) AS due_on,
    count(*) FILTER (WHERE e.due_on < {{}}) AS overdue
FROM recon_exception e {_FIRST_LINE} WHERE e.outcome IS NULL AND {{where}}
GROUP BY e.kind, e.cause, line.currency ORDER BY min(e.due_on), e.kind, e.cause, line.currency
"""  # noqa: S608 - of constants
_LISTED: Final = """
SELECT id, file_id, agent_id, kind, cause, also, here, there, here_says, there_says, here_minor,
    there_minor, owner, opened_at, due_on, outcome, note, group_id, resolved_at
FROM recon_exception e WHERE {where} ORDER BY due_on, id LIMIT {}
"""
_IDS: Final = "SELECT id FROM recon_exception e WHERE {where} ORDER BY due_on, id LIMIT {}"
_COUNT: Final = "SELECT count(*) AS count FROM recon_exception e WHERE {where}"
_STANDING: Final = f"""
SELECT file_id, count(*) AS open, min(due_on) AS due_on FROM recon_exception e
WHERE file_id = ANY ({{}}) AND outcome IS NULL AND {IS_TOLD} GROUP BY file_id
"""  # noqa: S608 - of constants
_CURRENCIES: Final = f"""
SELECT e.id, line.currency FROM recon_exception e {_FIRST_LINE} WHERE e.id = ANY ({{}})
"""  # noqa: S608 - of constants
# What an exception is about are a few lines, looked up one by one.
_REFERENCES: Final = """
SELECT e.id, told.side, line.reference FROM recon_exception e
CROSS JOIN LATERAL (
    SELECT 'here' AS side, unnest(e.here[:{}]) AS number
    UNION ALL SELECT 'there', unnest(e.there[:{}])
) told
CROSS JOIN LATERAL (
    SELECT reference FROM recon_line
    WHERE file_id = e.file_id AND side = told.side AND number = told.number LIMIT 1
) line
WHERE e.id = ANY ({}) AND line.reference <> '' ORDER BY e.id, told.side, told.number
"""
_LINES: Final = """
SELECT number, reference AS id, customer, name, program, currency, amount_minor, on_day AS "on",
    state
FROM recon_line WHERE file_id = {} AND side = {} AND number = ANY ({}) ORDER BY number LIMIT {}
"""


async def groups(asked: ExceptionFilter, *, today: date) -> list[ExceptionsAlike]:
    """Count what is open by kind, cause and currency, the longest due first."""
    where, values = _where(asked)
    rows = await ReconException.raw(_GROUPS.replace("{where}", where), today, *values)
    return msgspec.convert(rows, list[ExceptionsAlike])


async def listed(
    asked: ExceptionFilter,
    *,
    seen_by: Side = Side.HERE,
    after: tuple[date, UUID] | None = None,
    limit: int,
) -> list[ExceptionView]:
    """List exceptions, what is due first at the beginning.

    :param after: day and id of the last one of the page before.
    """
    where, values = _where(asked)
    if after is not None:
        where, values = f"{where} AND (due_on, id) > ({{}}, {{}})", [*values, *after]
    rows = await ReconException.raw(_LISTED.replace("{where}", where), *values, limit)
    return [seen_from(each, seen_by) for each in msgspec.convert(rows, list[ExceptionView])]


async def ids(asked: ExceptionFilter, *, limit: int) -> list[UUID]:
    """Give the ids of exceptions, what is due first at the beginning."""
    where, values = _where(asked)
    rows = await ReconException.raw(_IDS.replace("{where}", where), *values, limit)
    return [row["id"] for row in rows]


async def count(asked: ExceptionFilter) -> int:
    """Count exceptions."""
    where, values = _where(asked)
    [row] = await ReconException.raw(_COUNT.replace("{where}", where), *values)
    return int(row["count"])


async def standing(file_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Say how much of files is open, and since when; files with nothing open are left out."""
    rows = await ReconException.raw(_STANDING, list(file_ids))
    return {row["file_id"]: Standing(open=row["open"], due_on=row["due_on"]) for row in rows}


async def currencies(exception_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Say in which currency exceptions are: that of the first line that they are about."""
    rows = await ReconException.raw(_CURRENCIES, list(exception_ids))
    return {row["id"]: row["currency"] for row in rows}


async def references(
    exception_ids: Sequence[UUID], *, most: int
) -> dict[tuple[UUID, Side], list[str]]:
    """Give the ids that the lines of exceptions have, by exception and side; so many of each side.

    The sides are called as the platform calls them.
    """
    found: defaultdict[tuple[UUID, Side], list[str]] = defaultdict(list)
    for row in await ReconException.raw(_REFERENCES, most, most, list(exception_ids)):
        found[row["id"], Side(row["side"])].append(row["reference"])
    return found


async def lines(file_id: UUID, side: Side, numbers: Sequence[int]) -> list[Line]:
    """Give some lines of a side as the platform calls the sides, `LINES_MAX` at most."""
    rows = await ReconLine.raw(_LINES, file_id, side, list(numbers), LINES_MAX)
    return msgspec.convert(rows, list[Line])


def _where(asked: ExceptionFilter) -> tuple[str, list[object]]:
    """Write a filter as a condition, with its values."""
    wanted: list[tuple[str, object]] = [
        ("e.file_id = {}", asked.file_id),
        ("e.agent_id = {}", asked.agent_id),
        ("e.kind = {}", asked.kind),
        ("e.cause = {}", asked.cause),
        ("e.due_on < {}", asked.due_before),
    ]
    given = [(words, value) for words, value in wanted if value is not None]
    words = [IS_TOLD, *(["e.outcome IS NULL"] if asked.is_open else [])]
    return " AND ".join([*words, *(each for each, _ in given)]), [value for _, value in given]
