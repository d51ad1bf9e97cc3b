"""Ask for figures over a company's customers and deals. No statement reads what names a person."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg

from server.access import Actor, Permission, ensure, vouched
from server.customers.sight import Where
from server.insights import rules
from server.insights.rules import COUNTED, Dimension, Reading, Subject, Sums, Vocabulary
from server.insights.schemas import Analysis, Askable, Cell, Key, NewAnalysis
from server.kit import db
from server.pipeline import queries as pipeline
from server.tenants import queries as tenants

_WORDS: Final = """
SELECT {sql} AS word, count(*) AS customers FROM customer c
WHERE c.tenant_id = $1 AND NOT c.deleted GROUP BY 1 HAVING count(*) >= $2
"""
_TAGS: Final = """
SELECT held.id AS word, t.name, count(*) AS customers
FROM customer c, jsonb_array_elements_text(c.tags) AS held(id), tag t
WHERE c.tenant_id = $1 AND NOT c.deleted AND t.tenant_id = $1 AND t.id = held.id::uuid
    AND NOT t.deleted
GROUP BY 1, 2 HAVING count(*) >= $2
"""


def askable() -> list[Askable]:
    """List what may be asked of each subject."""
    return [
        Askable(subject, sorted(counted.dimensions), sorted(counted.measures))
        for subject, counted in COUNTED.items()
    ]


async def subjects(actor: Actor) -> list[Askable]:
    """List what may be asked of each subject."""
    ensure(actor, Permission.ANALYSES_SEE)
    return askable()


async def values(actor: Actor, dimension: str) -> list[Key]:
    """List what one narrows a dimension of customers by, where the product has no list of its own.

    :raises NotCounted: there is no such dimension.
    """
    ensure(actor, Permission.ANALYSES_SEE)
    rules.ensure_asked(Subject.CUSTOMERS, [dimension], (), ())
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await _vocabulary(actor, COUNTED[Subject.CUSTOMERS].dimensions[dimension])
    told = (Key(value, label) for value, label in (found.labels or {}).items())
    return sorted(told, key=lambda key: key.label)


async def analysis(actor: Actor, asked: NewAnalysis) -> Analysis:
    """Count and sum within the actor's sight.

    :raises NotCounted: a dimension, a measure or a value is not on the list.
    """
    ensure(actor, Permission.ANALYSES_SEE)
    rules.ensure_asked(asked.subject, asked.by, asked.measures, asked.filters)
    counted = COUNTED[asked.subject]
    measures = [counted.measures[name] for name in asked.measures]
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        read = {
            name: await _vocabulary(actor, counted.dimensions[name])
            for name in sorted({*asked.by, *asked.filters})
        }
        where = _where(actor, asked, read)
        rows = await db.connection().fetch(_cells(asked, where), *where.args)
        total = await db.connection().fetchrow(_total(asked, where), *where.args)
    words = [read[name] for name in asked.by]
    parts = (
        (tuple(each.value(row[f"d{at}"]) for at, each in enumerate(words)), _sums(row, asked))
        for row in rows
    )
    cells = rules.added(parts)
    assert total is not None, "an aggregate has one row"
    return Analysis(
        by=asked.by,
        measures=asked.measures,
        cells=[
            Cell(
                [Key(key, each.label(key)) for each, key in zip(words, keys, strict=True)],
                rules.figures(cells[keys], measures),
            )
            for keys in sorted(cells)[: rules.CELLS_MAX]
        ],
        totals=rules.figures(_sums(total, asked), measures),
        is_cut=len(cells) > rules.CELLS_MAX,
    )


def _where(actor: Actor, asked: NewAnalysis, read: Mapping[str, Vocabulary]) -> Where:
    """Say of which records the question is."""
    counted = COUNTED[asked.subject]
    where = Where(actor)
    if asked.subject is not Subject.CUSTOMERS:
        where.add("o.tenant_id = $1 AND NOT o.deleted")
    if asked.subject is Subject.MOVES:
        where.add("m.tenant_id = $1")
    for name, given in asked.filters.items():
        dimension = counted.dimensions[name]
        holds = dimension.holds or f"{dimension.sql} = ANY({{}})"
        where.add(holds.replace("({})", "({}::text[])"), read[name].held(given))
    for sign, month in ((">=", asked.since), ("<=", asked.until)):
        if month is not None:
            where.add(f"{counted.dimensions['month'].sql} {sign} {{}}", month)
    return where


def _cells(asked: NewAnalysis, where: Where) -> str:
    """Write the question for all cells."""
    counted = COUNTED[asked.subject]
    by = [counted.dimensions[name] for name in asked.by]
    told = ", ".join(f"{each.sql} AS d{at}" for at, each in enumerate(by))
    joins = " ".join(each.joins for each in by)
    places = ", ".join(str(at + 1) for at in range(len(by)))
    return (
        f"SELECT {told}, {_measured(asked)} FROM {counted.source} {joins}"  # noqa: S608 - constants and numbered parameters
        f" WHERE {where.text} GROUP BY {places}"
    )


def _total(asked: NewAnalysis, where: Where) -> str:
    """Write the question for all records together."""
    return (
        f"SELECT {_measured(asked)} FROM {COUNTED[asked.subject].source}"  # noqa: S608 - constants and numbered parameters
        f" WHERE {where.text}"
    )


def _measured(asked: NewAnalysis) -> str:
    """Write the sums of the measures, and what averages are divided by."""
    measures = [COUNTED[asked.subject].measures[name] for name in asked.measures]
    return ", ".join(
        f"coalesce({each.sql}, 0) AS m{at}, {each.per or '0'} AS p{at}"
        for at, each in enumerate(measures)
    )


def _sums(row: asyncpg.Record, asked: NewAnalysis) -> Sums:
    """Read the figures of a row."""
    places = range(len(asked.measures))
    return Sums([int(row[f"m{at}"]) for at in places], [int(row[f"p{at}"]) for at in places])


async def _vocabulary(actor: Actor, dimension: Dimension) -> Vocabulary:
    """Find out how the values of a dimension are read, in the open transaction."""
    connection: Any = db.connection()
    bound = (actor.tenant_id, rules.WORD_CUSTOMERS_MIN)
    match dimension.reading:
        case Reading.FIXED:
            return Vocabulary(None)
        case Reading.WORD:
            rows = await connection.fetch(_WORDS.format(sql=dimension.sql), *bound)
            words = [row["word"] for row in rows if rules.is_told(row["word"], row["customers"])]
            return Vocabulary({word: word for word in words if word})
        case Reading.TAG:
            rows = await connection.fetch(_TAGS, *bound)
            tags = (row for row in rows if rules.is_told(row["name"], row["customers"]))
            return Vocabulary({row["word"]: row["name"] for row in tags})
        case Reading.TEAM:
            return Vocabulary({str(team.id): team.name for team in await tenants.teams(actor)})
        case Reading.STAGE:
            # The names that companies give their stages are not told, so nobody reads them.
            versions = await pipeline.versions(vouched(actor))
            told = {
                _stage(process_id, stage.id): str(stage.canonical)
                for process_id, held in versions.items()
                for stage in held.definition.stages
            }
            return Vocabulary(dict.fromkeys(told.values(), ""), told)


def _stage(process_id: UUID | None, stage_id: str) -> str:
    """Write a stage of a version as the database does."""
    return f"{process_id or ''}/{stage_id}"
