"""Ask about imports: how far they have come, what they would do, what went wrong."""

import asyncio
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Scope, ensure
from server.imports import chunks, targets, turns
from server.imports.reasons import HEADINGS, Language, reason
from server.imports.rules.rows import Counts, Interpreted, Problem, Told, count, said_by
from server.imports.schemas import ImportView, Plan, Preview, RowProblem, StartImport
from server.imports.sheets import Row
from server.imports.targets import Target, Work
from server.kit import db, sheets
from server.kit.cells import harmless
from server.kit.errors import Forbidden, Invalid, NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

PROBLEMS_SHOWN: Final = 200
ROWS_SHOWN: Final = 5
_COLUMNS: Final = """
    id, target, file_name, format, encoding, delimiter, header, row_count, state, plan, created_by,
    created_at, started_at, finished_at
"""
_Own = Mapping[str, Mapping[str, Sequence[str]]]
"""What the company's own fields are called, by target."""
_NAMES_AGAIN: Final = Problem("", "header_row", "This row says the names of the columns again.")
_LAST_ID: Final = UUID(int=2**128 - 1)


class BadPlan(Invalid):
    """The columns of the plan do not fit the file."""

    code = "bad_plan"


def target_of(actor: Actor, name: str) -> Target:
    """Give what rows are to become.

    :raises Invalid: nothing of that name takes rows.
    :raises Forbidden: the actor may not bring it in.
    """
    target = targets.named(name)
    if target is None:
        known = ", ".join(each.name for each in targets.registered())
        raise Invalid(f"A file may bring: {known}.", field="target")
    ensure(actor, target.permission)
    return target


def offered(actor: Actor) -> list[str]:
    """Name what the actor may bring in.

    :raises Forbidden: nothing.
    """
    permissions = ROLE_PERMISSIONS[actor.role]
    names = [each.name for each in targets.registered() if each.permission in permissions]
    if not names:
        raise Forbidden("Your role brings in no files.")
    return names


def is_in_sight(actor: Actor, created_by: UUID) -> bool:
    """Say whether an import is shown: one's own, and to those who see the whole company, any.

    A file may hold what its reader would not see as records.
    """
    return actor.scope is Scope.TENANT or created_by == actor.user_id


async def one(actor: Actor, import_id: UUID) -> ImportView:
    """Give an import and how far it has come."""
    allowed = offered(actor)
    async with db.tenant_transaction(actor.tenant_id):
        row = await db.connection().fetchrow(
            f"SELECT {_COLUMNS} FROM sheet_import"  # noqa: S608 - constants
            " WHERE tenant_id = $1 AND id = $2 AND target = ANY($3::text[])",
            actor.tenant_id,
            import_id,
            allowed,
        )
        if row is None or not is_in_sight(actor, row["created_by"]):
            raise NotFound
        totals = await chunks.counts_of(actor.tenant_id, [import_id])
        own = await _own(actor, [row["target"]])
    return _view(row, totals.get(import_id, Counts()), own)


async def list_page(actor: Actor, *, cursor: str | None = None) -> Page[ImportView]:
    """List the imports that are shown to the actor, the newest first."""
    allowed = offered(actor)
    (before,) = decode_cursor(cursor, tuple[UUID]) if cursor else (_LAST_ID,)
    created_by = None if actor.scope is Scope.TENANT else actor.user_id
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            f"SELECT {_COLUMNS} FROM sheet_import WHERE tenant_id = $1 AND id < $2"  # noqa: S608 - constants
            " AND ($3::uuid IS NULL OR created_by = $3) AND target = ANY($4::text[])"
            " ORDER BY id DESC LIMIT $5",
            actor.tenant_id,
            before,
            created_by,
            allowed,
            PAGE_SIZE + 1,
        )
        totals = await chunks.counts_of(actor.tenant_id, [row["id"] for row in rows])
        own = await _own(actor, [row["target"] for row in rows])
    views = [_view(row, totals.get(row["id"], Counts()), own) for row in rows[:PAGE_SIZE]]
    return Page(views, encode_cursor(views[-1].id) if len(rows) > PAGE_SIZE else None)


async def _own(actor: Actor, names: Iterable[str]) -> _Own:
    """Give what the company's own fields are called, by target."""
    known = {name: targets.named(name) for name in names}
    return {name: await target.own_columns(actor) for name, target in known.items() if target}


def _view(row: asyncpg.Record, counts: Counts, own_of: _Own) -> ImportView:
    """Turn a row into a view; a plan that nobody has made yet is guessed."""
    header = msgspec.json.decode(row["header"], type=list[str])
    target = targets.named(row["target"])
    assert target is not None, "it is one of those that the actor may bring in"
    own = own_of[target.name]
    vocabulary = target.vocabulary.joined(own)
    if row["plan"] is None:
        plan = Plan(columns=vocabulary.guess(header), duplicates=target.policies[0])
    else:
        plan = msgspec.json.decode(row["plan"], type=Plan)
    fields: dict[str, Any] = {**dict(row), "header": header, "plan": plan, "counts": counts}
    return ImportView(
        **fields,
        fields=[*target.vocabulary.names, *own],
        called={name: called[0] for name, called in own.items()},
        policies=list(target.policies),
    )


def plan_for(view: ImportView, wanted: StartImport) -> Plan:
    """Make the plan that is asked for.

    :raises BadPlan: the columns do not fit the file or its target, or none says whose a row is.
    """
    chosen = view.plan.columns if wanted.columns is None else wanted.columns
    policy = wanted.duplicates or view.policies[0]
    if len(chosen) != len(view.header):
        raise BadPlan(f"The file has {len(view.header)} columns.", field="columns")
    named = [column for column in chosen if column is not None]
    if strange := set(named) - set(view.fields):
        raise BadPlan(f"There is no field {min(strange)}.", field="columns")
    if len(named) != len(set(named)):
        raise BadPlan("Two columns cannot be for the same field.", field="columns")
    target = targets.named(view.target)
    assert target is not None, "it is one of those that the actor may bring in"
    if set(target.named_by).isdisjoint(named):
        raise BadPlan(target.unnamed, field="columns")
    if policy not in view.policies:
        raise BadPlan(f"Use one of {', '.join(view.policies)}.", field="duplicates")
    if strange := set(wanted.everywhere) - set(view.fields):
        raise BadPlan(f"There is no field {min(strange)}.", field="everywhere")
    return Plan(columns=chosen, duplicates=policy, everywhere=wanted.everywhere)


async def choices(actor: Actor, view: ImportView) -> Mapping[str, Sequence[str]]:
    """Offer what a person may say of all rows, by field."""
    target = target_of(actor, view.target)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await target.choices(actor)


async def begin(actor: Actor, view: ImportView, plan: Plan) -> Work:
    """Look up what names in cells stand for."""
    target = target_of(actor, view.target)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await target.begin(actor, view.id, plan.duplicates)


async def interpreted(
    rows: list[Row], view: ImportView, plan: Plan, work: Work
) -> list[Interpreted]:
    """Understand rows in a thread, so that other requests are served meanwhile."""
    header = [name for name in view.header if name]

    def understood(row: Row) -> Interpreted:
        # Files that were put together have the names of their columns in between, too.
        if [cell for cell in row.cells if cell] == header:
            return Interpreted(row.number, {}, problems=(_NAMES_AGAIN,))
        return work.interpret(row.number, said_by(row.cells, plan.columns, plan.everywhere))

    return await asyncio.to_thread(lambda: [understood(row) for row in rows])


async def preview(actor: Actor, import_id: UUID, wanted: StartImport) -> Preview:
    """Tell what an import would do, row by row, without doing it.

    :raises UploadRunning: the person tries too much out at once.
    :raises ImportsBusy: too many do.
    """
    view = await one(actor, import_id)
    plan = plan_for(view, wanted)
    async with turns.PREVIEWS.take(actor):
        return await _tried_out(actor, view, plan)


async def _tried_out(actor: Actor, view: ImportView, plan: Plan) -> Preview:
    """Judge all rows by the plan."""
    totals = Counts()
    found: list[tuple[int, Problem]] = []
    sample: list[list[str]] = []
    number = 0
    work = await begin(actor, view, plan)
    while True:
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            chunk = await chunks.load(actor.tenant_id, view.id, number)
        if chunk is None:
            break
        sample = sample or [row.cells for row in chunk.rows[:ROWS_SHOWN]]
        rows = await interpreted(chunk.rows, view, plan, work)
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            verdicts = await work.judge(rows)
        totals += count(verdicts)
        found += [
            (verdict.row.number, problem) for verdict in verdicts for problem in verdict.problems
        ][: PROBLEMS_SHOWN - len(found)]
        number += 1
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        problems = await _told(actor, view.target, found)
    return Preview(import_=view, sample=sample, counts=totals, problems=problems)


async def _told(
    actor: Actor, target_name: str, found: list[tuple[int, Problem]]
) -> list[RowProblem]:
    """Tell of problems, by the rows' numbers; a record is named if its reader sees it now."""
    record_ids = list({each.record_id for _, each in found if each.record_id is not None})
    names = await target_of(actor, target_name).names_of(actor, record_ids)
    return [
        RowProblem(
            row=number,
            field=each.field,
            code=each.code,
            detail=f"{names[each.record_id]} is the same one."
            if each.record_id is not None and each.record_id in names
            else each.detail,
        )
        for number, each in found
    ]


async def problems(actor: Actor, import_id: UUID, *, cursor: str | None = None) -> Page[RowProblem]:
    """List what was found wrong with the rows that are done, a chunk of the file at a time."""
    view = await one(actor, import_id)
    (number,) = decode_cursor(cursor, tuple[int]) if cursor else (0,)
    while True:
        async with db.tenant_transaction(actor.tenant_id, readonly=True):
            chunk = await chunks.load(actor.tenant_id, import_id, number)
            found = await _told(actor, view.target, _problems_of(chunk.told)) if chunk else []
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
            problems = await _told(actor, view.target, _problems_of(left))
        if chunk is None:
            return sheets.BOM + target.getvalue().encode()
        reasons: dict[int, list[str]] = {}
        for each in problems:
            said = reason(view.target, each.code, each.field, each.detail, language)
            reasons.setdefault(each.row, []).append(said)
        rows = {row.number: row for row in chunk.rows}
        for row in left:
            cells = [*rows[row.number].cells]
            cells += [""] * (len(view.header) - len(cells))
            said = harmless("; ".join(reasons.get(row.number, [])))
            writer.writerow([*map(harmless, cells), row.number, said])
        number += 1


def template(actor: Actor, name: str) -> bytes:
    """Give the sheet that is handed out to be filled in (S101)."""
    return sheets.BOM + sheets.csv_of([target_of(actor, name).template])
