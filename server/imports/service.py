"""Import spreadsheets: hand a file in, start it by a plan, and do it chunk by chunk.

A chunk is one transaction that writes its customers, their history and what became of its rows;
whoever runs the import again goes on behind the last chunk that is done. A row makes a customer
with an id computed from the import and the row, so nothing can be made twice.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from server.access import Actor
from server.audit import service as audit
from server.identity import queries as identity
from server.imports import chunks, queries, sandbox, turns
from server.imports.chunks import Chunk
from server.imports.reader import Read
from server.imports.rules.columns import Vocabulary
from server.imports.rules.rows import (
    Action,
    Counts,
    Interpreted,
    Problem,
    Told,
    Verdict,
    count,
    said_by,
)
from server.imports.schemas import ImportView, StartImport
from server.imports.sheets import unpacked
from server.imports.targets import Work, Written
from server.kit import db, ids, outbox
from server.kit.errors import Conflict, Forbidden, IdReused, NotFound
from server.kit.text import clean, is_storable

TOPIC: Final = "sheets.import"
BUDGET_S: Final = 30.0
"""How long one job works at an import before it leaves the rest to another."""
_NAME_MAX: Final = 200
_INSERT: Final = """
    INSERT INTO sheet_import (tenant_id, id, target, file_name, file_sha256, byte_count, format,
        encoding, delimiter, header, row_count, state, created_by, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, 'uploaded', $12, $13)
    ON CONFLICT DO NOTHING
"""

log = structlog.get_logger()


class ImportStarted(Conflict):
    """The import has been started by another plan."""

    code = "import_started"


class _Job(msgspec.Struct, frozen=True):
    """The job's words: which import, and who started it. What they may is asked anew each time."""

    import_id: UUID
    user_id: UUID


async def table(
    actor: Actor, content: bytes, vocabulary: Vocabulary
) -> list[tuple[int, dict[str, str]]]:
    """Read a small file at once, for rooms that keep no import of it.

    :returns: each row's line in the file, and its cells by the field that their column is for;
        cells of other columns under the column's own name.
    :raises FileNotRead: with the reason.
    :raises UploadRunning: the person hands another file in at the moment.
    """
    header, pieces = await sheet(actor, content, vocabulary)
    fields = vocabulary.guess(header)
    names = [field or called for field, called in zip(fields, header, strict=True)]
    return [
        (number, dict(zip(names, cells, strict=False)))
        for piece in pieces
        for number, cells in piece
    ]


async def sheet(
    actor: Actor, content: bytes, vocabulary: Vocabulary, encoding: str | None = None
) -> tuple[list[str], Iterator[list[tuple[int, list[str]]]]]:
    """Read a file of any size, for rooms that keep its rows themselves; nothing is left out.

    :returns: what its columns are called; its rows, each with its line in the file, in pieces.
    :raises FileNotRead: with the reason.
    :raises UploadRunning: the person hands another file in at the moment.
    """
    async with turns.UPLOADS.take(actor):
        read = await sandbox.read(content, vocabulary, encoding, is_whole=True)
    pieces = ([(row.number, row.cells) for row in unpacked(chunk)] for chunk in read.chunks)
    return read.header, pieces


async def upload(
    actor: Actor,
    file_name: str,
    content: bytes,
    *,
    target: str,
    now: datetime,
    import_id: UUID | None = None,
    encoding: str | None = None,
) -> ImportView:
    """Read a file and keep its rows; nothing is imported yet.

    :param target: what its rows are to become; see `targets`.
    :raises FileNotRead: with the reason.
    :raises IdReused: the id is that of an import of another file.
    :raises UploadRunning: the person hands another file in at the moment.
    :raises ImportsBusy: too many wait to hand one in.
    """
    vocabulary = queries.target_of(actor, target).vocabulary
    digest = hashlib.sha256(content).hexdigest()
    async with turns.UPLOADS.take(actor):
        read = await sandbox.read(content, vocabulary, encoding)
    row = _Row(import_id or ids.new_id(now), target, _short(file_name), digest, len(content))
    async with db.tenant_transaction(actor.tenant_id):
        if await _keep(actor, row, read, now=now):
            await chunks.store(actor.tenant_id, row.id, read.chunks)
            await audit.record(
                actor, "import.uploaded", subject_id=row.id, now=now, rows=read.row_count
            )
        await _ensure_same_file(actor, row)
        return await queries.one(actor, row.id)


class _Row(msgspec.Struct, frozen=True):
    """A file that is handed in."""

    id: UUID
    target: str
    file_name: str
    sha256: str
    byte_count: int


async def _keep(actor: Actor, row: _Row, read: Read, *, now: datetime) -> bool:
    """Write down that a file was handed in; say whether it was not there already."""
    status: str = await db.connection().execute(
        _INSERT,
        *(actor.tenant_id, row.id, row.target, row.file_name, row.sha256, row.byte_count),
        *(read.format, read.encoding, read.delimiter),
        *(msgspec.json.encode(read.header).decode(), read.row_count, actor.user_id, now),
    )
    return status.endswith(" 1")


def _short(file_name: str) -> str:
    """Keep a file's name as a label: no folders, nothing that cannot be shown."""
    name = clean(PurePosixPath(file_name.replace("\\", "/")).name)[:_NAME_MAX]
    return name if name and is_storable(name) else "unnamed"


async def _ensure_same_file(actor: Actor, row: _Row) -> None:
    """Refuse an id that stands for another file, or for an import that the actor may not see."""
    held = await db.connection().fetchrow(
        "SELECT file_sha256, target, created_by FROM sheet_import WHERE tenant_id = $1 AND id = $2",
        actor.tenant_id,
        row.id,
    )
    assert held is not None, "it was there already, or has just been made"
    is_same = (held["file_sha256"], held["target"]) == (row.sha256, row.target)
    if not is_same or not queries.is_in_sight(actor, held["created_by"]):
        raise IdReused("This id belongs to another file; make a new one.", field="id")


async def start(actor: Actor, import_id: UUID, wanted: StartImport, *, now: datetime) -> ImportView:
    """Start an import by a plan; a worker does it. The same request again changes nothing.

    :raises ImportStarted: it runs by another plan.
    """
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(
            "SELECT FROM sheet_import WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
            actor.tenant_id,
            import_id,
        )
        view = await queries.one(actor, import_id)
        plan = queries.plan_for(view, wanted)
        if view.state != "uploaded":
            if view.plan != plan:
                raise ImportStarted("This import was started by another plan.", field="columns")
            return view
        await db.connection().execute(
            "UPDATE sheet_import SET state = 'running', plan = $3::jsonb, started_at = $4"
            " WHERE tenant_id = $1 AND id = $2",
            actor.tenant_id,
            import_id,
            msgspec.json.encode(plan).decode(),
            now,
        )
        await audit.record(
            actor, "import.started", subject_id=import_id, now=now, duplicates=plan.duplicates
        )
        await _leave_for_worker(actor.tenant_id, _Job(import_id, actor.user_id), now)
        return await queries.one(actor, import_id)


async def _leave_for_worker(tenant_id: UUID, job: _Job, now: datetime) -> None:
    """Leave the import, or what is left of it, to the worker."""
    payload: dict[str, Any] = msgspec.to_builtins(job)
    key = f"{TOPIC}:{job.import_id}"
    await outbox.add(TOPIC, payload, tenant_id=tenant_id, now=now, key=key)


async def go_on(tenant_id: UUID, payload: dict[str, Any], *, now: datetime) -> None:
    """Do a worker's job: go on with an import for a while, and leave the rest for later.

    It stops for good when the person who started it may not do it any more.
    """
    job = msgspec.convert(payload, _Job)
    actor = await identity.job_actor(tenant_id, job.user_id)
    if actor is None or not await _may_go_on(actor, job.import_id):
        await _stop(tenant_id, job.import_id, now=now)
    elif not await run(actor, job.import_id, now=now, budget_s=BUDGET_S):
        async with db.tenant_transaction(tenant_id):
            await _leave_for_worker(tenant_id, job, now)


async def give_up(tenant_id: UUID, payload: dict[str, Any], *, now: datetime) -> None:
    """End an import whose job failed for the last time; what was done stays."""
    await _stop(tenant_id, msgspec.convert(payload, _Job).import_id, now=now)


async def _may_go_on(actor: Actor, import_id: UUID) -> bool:
    """Say whether a person may still import, and sees this import."""
    try:
        await queries.one(actor, import_id)
    except (Forbidden, NotFound):
        return False
    return True


async def _stop(tenant_id: UUID, import_id: UUID, *, now: datetime) -> None:
    """End an import before its last row; what was done stays."""
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(
            "UPDATE sheet_import SET state = 'stopped', finished_at = $3"
            " WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
            tenant_id,
            import_id,
            now,
        )
    log.warning("import.stopped", import_id=import_id)


async def run(
    actor: Actor, import_id: UUID, *, now: datetime, budget_s: float | None = None
) -> bool:
    """Do the chunks that are not done, as long as the budget lasts; say whether it is over."""
    view = await queries.one(actor, import_id)
    if view.state != "running":
        return view.state in {"done", "stopped"}
    running = _Running(actor, import_id, view, await queries.begin(actor, view, view.plan))
    began, number = time.monotonic(), 0
    upcoming = asyncio.create_task(_read(running, number))
    try:
        while (chunk := await upcoming) is not None:
            number += 1
            # Read while this one is written: here and in PostgreSQL there is work at once.
            upcoming = asyncio.create_task(_read(running, number))
            was_done = await _do_chunk(running, chunk, now=now)
            # Each run does one chunk at least, however small its budget.
            is_over = budget_s is not None and time.monotonic() - began > budget_s
            if was_done and is_over:
                return False
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
    await _finish(actor, import_id, now=now)
    return True


class _Running(msgspec.Struct, frozen=True):
    """An import that is being done."""

    actor: Actor
    import_id: UUID
    view: ImportView
    work: Work


class _ReadChunk(msgspec.Struct, frozen=True):
    """A chunk whose rows are understood, unless it was done before."""

    chunk: Chunk
    rows: list[Interpreted]


async def _read(running: _Running, number: int) -> _ReadChunk | None:
    """Read a chunk; None behind the last."""
    tenant_id = running.actor.tenant_id
    async with db.tenant_transaction(tenant_id, readonly=True):
        chunk = await chunks.load(tenant_id, running.import_id, number)
    if chunk is None:
        return None
    if chunk.told is not None:
        await asyncio.to_thread(_remember, running, chunk)
        return _ReadChunk(chunk, [])
    view, work = running.view, running.work
    return _ReadChunk(chunk, await queries.interpreted(chunk.rows, view, view.plan, work))


def _remember(running: _Running, chunk: Chunk) -> None:
    """Tell the work which rows of a chunk were taken when it was done."""
    left = {told.number for told in chunk.told or () if not told.was_taken}
    plan, taken = running.view.plan, (row for row in chunk.rows if row.number not in left)
    running.work.remember(
        {row.number: said_by(row.cells, plan.columns, plan.everywhere) for row in taken}
    )


async def _do_chunk(running: _Running, read: _ReadChunk, *, now: datetime) -> bool:
    """Do one chunk unless it was done before; say whether it was done now."""
    tenant_id, number = running.actor.tenant_id, read.chunk.number
    if read.chunk.told is not None:
        return False
    async with db.tenant_transaction(tenant_id):
        # Another worker that thinks it has the lease waits here, and then finds it done.
        locked = await chunks.load(tenant_id, running.import_id, number, lock=True)
        if locked is None or locked.told is not None:
            return False
        verdicts = await running.work.judge(read.rows)
        written = await running.work.write(verdicts, now=now)
        told, counts = _tell(verdicts, written.refused), _count(verdicts, written)
        await chunks.finish(tenant_id, running.import_id, number, told, counts)
    return True


def _tell(verdicts: Sequence[Verdict], refused: Mapping[int, Problem]) -> list[Told]:
    """Gather what is to be told of the rows of a chunk."""
    told = []
    for verdict in verdicts:
        problems = verdict.problems
        if (late := refused.get(verdict.row.number)) is not None:
            problems = (*problems, late)
        was_taken = verdict.action in {Action.CREATE, Action.UPDATE} and late is None
        if problems or not was_taken:
            told.append(Told(verdict.row.number, was_taken, problems))
    return told


def _count(verdicts: Sequence[Verdict], written: Written) -> Counts:
    """Count what became of the rows of a chunk."""
    planned = count([each for each in verdicts if each.row.number not in written.refused])
    unchanged = len(written.unchanged - written.refused.keys())
    return msgspec.structs.replace(
        planned,
        rows=len(verdicts),
        updated=planned.updated - unchanged,
        unchanged=unchanged,
        refused=planned.refused + len(written.refused),
    )


async def _finish(actor: Actor, import_id: UUID, *, now: datetime) -> None:
    """Close an import whose chunks are all done."""
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(
            "UPDATE sheet_import SET state = 'done', finished_at = $3"
            " WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
            actor.tenant_id,
            import_id,
            now,
        )
        if status.endswith(" 1"):
            view = await queries.one(actor, import_id)
            counts: dict[str, int] = msgspec.to_builtins(view.counts)
            await audit.record(actor, "import.finished", subject_id=import_id, now=now, **counts)
