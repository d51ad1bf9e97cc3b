"""Ask about imports: how far they have come, what they would do, what went wrong."""

import asyncio
import csv
import io
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.customers.exports.cells import harmless
from server.customers.imports import chunks, columns, judging
from server.customers.imports.chunks import Told
from server.customers.imports.reasons import HEADINGS, Language, reason
from server.customers.imports.rows import Interpreted, Known, Problem, interpret
from server.customers.imports.schemas import (
    Counts,
    ImportView,
    Plan,
    Preview,
    RowProblem,
    StartImport,
)
from server.customers.imports.sheets import Row
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import Invalid, NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

PROBLEMS_SHOWN: Final = 200
ROWS_SHOWN: Final = 5
_COLUMNS: Final = """
    id, file_name, format, encoding, delimiter, header, row_count, state, plan, created_by,
    created_at, started_at, finished_at
"""
_LAST_ID: Final = UUID(int=2**128 - 1)


class BadPlan(Invalid):
    """The columns of the plan do not fit the file."""

    code = "bad_plan"


def is_in_sight(actor: Actor, created_by: UUID) -> bool:
    """Say whether an import is shown: one's own, and to those who see the whole company, any.

    A file may hold what its reader would not see as customers.
    """
    return actor.scope is Scope.TENANT or created_by == actor.user_id


async def one(actor: Actor, import_id: UUID) -> ImportView:
    """Give an import and how far it has come."""
    ensure(actor, Permission.CUSTOMERS_IMPORT)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM customer_import WHERE tenant_id = $1 AND id = $2",  # noqa: S608 - constants
            actor.tenant_id,
            import_id,
        )
        if row is None or not is_in_sight(actor, row["created_by"]):
            raise NotFound
        totals = await chunks.counts_of(actor.tenant_id, [import_id])
    return _view(row, totals.get(import_id, Counts()))


async def list_page(actor: Actor, *, cursor: str | None = None) -> Page[ImportView]:
    """List the imports that are shown to the actor, the newest first."""
    ensure(actor, Permission.CUSTOMERS_IMPORT)
    (before,) = decode_cursor(cursor, tuple[UUID]) if cursor else (_LAST_ID,)
    created_by = None if actor.scope is Scope.TENANT else actor.user_id
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT {_COLUMNS} FROM customer_import WHERE tenant_id = $1 AND id < $2"  # noqa: S608 - constants
            " AND ($3::uuid IS NULL OR created_by = $3) ORDER BY id DESC LIMIT $4",
            actor.tenant_id,
            before,
            created_by,
            PAGE_SIZE + 1,
        )
        totals = await chunks.counts_of(actor.tenant_id, [row["id"] for row in rows])
    views = [_view(row, totals.get(row["id"], Counts())) for row in rows[:PAGE_SIZE]]
    return Page(views, encode_cursor(views[-1].id) if len(rows) > PAGE_SIZE else None)


def _view(row: asyncpg.Record, counts: Counts) -> ImportView:
    """Turn a row into a view; a plan that nobody has made yet is guessed."""
    header = msgspec.json.decode(row["header"], type=list[str])
    if row["plan"] is None:
        plan = msgspec.convert({"columns": columns.guess(header)}, Plan)
    else:
        plan = msgspec.json.decode(row["plan"], type=Plan)
    fields: dict[str, Any] = {**dict(row), "header": header, "plan": plan, "counts": counts}
    return ImportView(**fields)


def plan_for(view: ImportView, wanted: StartImport) -> Plan:
    """Make the plan that is asked for.

    :raises BadPlan: the columns do not fit the file, or none of them is the name.
    """
    chosen = view.plan.columns if wanted.columns is None else wanted.columns
    if len(chosen) != len(view.header):
        raise BadPlan(f"The file has {len(view.header)} columns.", field="columns")
    named = [column for column in chosen if column is not None]
    if len(named) != len(set(named)):
        raise BadPlan("Two columns cannot be for the same field.", field="columns")
    if "name" not in named:
        raise BadPlan("Say which column is the customer's name.", field="columns")
    return Plan(columns=chosen, duplicates=wanted.duplicates)


async def known_names(tenant_id: UUID) -> Known:
    """Give what the names in cells stand for; in the open transaction."""
    connection = db.connection()
    people = await connection.fetch(
        "SELECT id, name, team_id, disabled_at FROM user_account WHERE tenant_id = $1", tenant_id
    )
    tags = await connection.fetch(
        "SELECT id, name FROM tag WHERE tenant_id = $1 AND NOT deleted ORDER BY id", tenant_id
    )
    owners: dict[str, str | None] = {}
    for person in people:
        if person["disabled_at"] is None:
            is_second = person["name"] in owners
            owners[person["name"]] = None if is_second else str(person["id"])
    return Known(
        owners=owners,
        owner_ids=frozenset(str(person["id"]) for person in people),
        teams={str(person["id"]): str(person["team_id"]) for person in people if person["team_id"]},
        tags={tag["name"]: str(tag["id"]) for tag in tags},
    )


async def interpreted(rows: list[Row], plan: Plan, known: Known) -> list[Interpreted]:
    """Understand rows in a thread, so that other requests are served meanwhile."""

    def work() -> list[Interpreted]:
        return [interpret(row, plan.columns, known) for row in rows]

    return await asyncio.to_thread(work)


async def preview(actor: Actor, import_id: UUID, wanted: StartImport) -> Preview:
    """Tell what an import would do, row by row, without doing it."""
    view = await one(actor, import_id)
    plan = plan_for(view, wanted)
    earlier, totals = judging.Earlier(), Counts()
    found: list[tuple[int, Problem]] = []
    sample: list[list[str]] = []
    number = 0
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        known = await known_names(actor.tenant_id)
    while True:
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            chunk = await chunks.load(actor.tenant_id, import_id, number)
        if chunk is None:
            break
        sample = sample or [row.cells for row in chunk.rows[:ROWS_SHOWN]]
        rows = await interpreted(chunk.rows, plan, known)
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            verdicts = await judging.judge(actor, import_id, rows, plan.duplicates, earlier)
        totals += judging.count(verdicts)
        found += [
            (verdict.row.number, problem) for verdict in verdicts for problem in verdict.problems
        ][: PROBLEMS_SHOWN - len(found)]
        number += 1
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        problems = await _told(actor, found)
    return Preview(import_=view, sample=sample, counts=totals, problems=problems)


async def _told(actor: Actor, found: list[tuple[int, Problem]]) -> list[RowProblem]:
    """Tell of problems, by the rows' numbers; a customer is named if its reader sees it now."""
    where = Where(actor)
    where.add("c.id = ANY({}::uuid[])", list({each.customer_id for _, each in found} - {None}))
    rows = await db.connection().fetch(
        f"SELECT c.id, c.name FROM customer c WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
        *where.args,
    )
    names = {str(row["id"]): row["name"] for row in rows}
    return [
        RowProblem(
            row=number,
            field=each.field,
            code=each.code,
            detail=f"{names[each.customer_id]} is the same customer."
            if each.customer_id in names
            else each.detail,
        )
        for number, each in found
    ]


async def problems(actor: Actor, import_id: UUID, *, cursor: str | None = None) -> Page[RowProblem]:
    """List what was found wrong with the rows that are done, a chunk of the file at a time."""
    await one(actor, import_id)
    (number,) = decode_cursor(cursor, tuple[int]) if cursor else (0,)
    while True:
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            chunk = await chunks.load(actor.tenant_id, import_id, number)
            found = await _told(actor, _problems_of(chunk.told)) if chunk else []
        if chunk is None:
            return Page([])
        number += 1
        if found:
            return Page(found, encode_cursor(number))


def _problems_of(told: list[Told] | None) -> list[tuple[int, Problem]]:
    """Give the problems of the rows that are told of, each with its row's number."""
    return [(row.number, problem) for row in told or () for problem in row.problems]


async def error_file(actor: Actor, import_id: UUID, language: Language = Language.ZH) -> bytes:
    """Write the rows that were not taken, with the reasons: to be mended and sent again."""
    view = await one(actor, import_id)
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([*map(harmless, view.header), *HEADINGS[language]])
    number = 0
    while True:
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            chunk = await chunks.load(actor.tenant_id, import_id, number)
            left = [row for row in (chunk.told if chunk else None) or [] if not row.was_taken]
            problems = await _told(actor, _problems_of(left))
        if chunk is None:
            return b"\xef\xbb\xbf" + target.getvalue().encode()
        reasons: dict[int, list[str]] = {}
        for each in problems:
            said = reason(each.code, each.field, each.detail, language)
            reasons.setdefault(each.row, []).append(said)
        rows = {row.number: row for row in chunk.rows}
        for row in left:
            cells = [*rows[row.number].cells]
            cells += [""] * (len(view.header) - len(cells))
            said = harmless("; ".join(reasons.get(row.number, [])))
            writer.writerow([*map(harmless, cells), row.number, said])
        number += 1
