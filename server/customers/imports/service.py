"""Import spreadsheets: hand a file in, start it by a plan, and do it chunk by chunk.

A chunk is one transaction that writes its customers, their history and what became of its rows;
whoever runs the import again goes on behind the last chunk that is done. A row makes a customer
with an id computed from the import and the row, so nothing can be made twice.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import structlog

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import service as changelog
from server.changelog.rules import as_refusal
from server.customers import sync
from server.customers.imports import chunks, columns, judging, queries, sandbox
from server.customers.imports.chunks import Chunk, Told
from server.customers.imports.judging import CREATE, UPDATE, Earlier, Verdict
from server.customers.imports.rows import Interpreted, Known, Problem
from server.customers.imports.sandbox import FileNotRead
from server.customers.imports.schemas import Counts, ImportView, Plan, StartImport
from server.customers.imports.sheets import FileRefused
from server.customers.rules import duplicates
from server.customers.service import writing
from server.identity import queries as identity
from server.kit import clock, db, ids, outbox
from server.kit.errors import Conflict, Forbidden, IdReused, NotFound, TooManyRequests
from server.kit.text import clean, is_storable
from sync_protocol.merge import EditClock
from sync_protocol.messages import Code, Edit, Outcome, ReceivedOp, SetChange, Status

TOPIC: Final = "customers.import"
BUDGET_S: Final = 30.0
"""How long one job works at an import before it leaves the rest to another."""
UPLOAD_RETRY_S: Final = 10
_SIDE_BY_SIDE: Final = asyncio.Semaphore(1)
"""Files that one process takes in at the same time: a large one is half a gigabyte in between."""
_HANDING_IN: Final[set[UUID]] = set()
"""Who hands a file in to this process, or waits to."""
_NAME_MAX: Final = 200
_KINDS: Final = {
    name: dataclasses.replace(kind, normalise=dict) for name, kind in sync.BY_NAME.items()
}
"""The rows that are written have been brought into normal form and checked when they were read."""
_INSERT: Final = """
    INSERT INTO customer_import (tenant_id, id, file_name, file_sha256, byte_count, format,
        encoding, delimiter, header, row_count, state, created_by, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, 'uploaded', $11, $12)
    ON CONFLICT DO NOTHING
"""

log = structlog.get_logger()


class ImportStarted(Conflict):
    """The import has been started by another plan."""

    code = "import_started"


class UploadRunning(TooManyRequests):
    """The person hands another file in at the moment."""

    code = "upload_running"


class _Job(msgspec.Struct, frozen=True):
    """The job's words: which import, and who started it. What they may is asked anew each time."""

    import_id: UUID
    user_id: UUID


async def upload(
    actor: Actor,
    file_name: str,
    content: bytes,
    *,
    now: datetime,
    import_id: UUID | None = None,
    encoding: str | None = None,
) -> ImportView:
    """Read a file and keep its rows; nothing is imported yet.

    :raises FileNotRead: with the reason.
    :raises IdReused: the id is that of an import of another file.
    :raises UploadRunning: the person hands another file in at the moment.
    """
    ensure(actor, Permission.CUSTOMERS_IMPORT)
    new_id = import_id or ids.new_id(now)
    async with _in_turn(actor.user_id):
        return await _take_in(actor, new_id, file_name, content, encoding=encoding, now=now)


@contextlib.asynccontextmanager
async def _in_turn(user_id: UUID) -> AsyncIterator[None]:
    """Wait until no other file is taken in by this process; a person has one at a time.

    :raises UploadRunning: the person's other file is being taken in, or waits.
    """
    if user_id in _HANDING_IN:
        raise UploadRunning(
            "Another file of yours is being read; wait for it.", retry_after_s=UPLOAD_RETRY_S
        )
    _HANDING_IN.add(user_id)
    try:
        async with _SIDE_BY_SIDE:
            yield
    finally:
        _HANDING_IN.discard(user_id)


async def _take_in(
    actor: Actor,
    new_id: UUID,
    file_name: str,
    content: bytes,
    *,
    encoding: str | None,
    now: datetime,
) -> ImportView:
    """Read a file and keep its rows."""
    digest = hashlib.sha256(content).hexdigest()
    sheet = await sandbox.read(content, encoding)
    try:
        header, rows = columns.split_header(sheet)
    except FileRefused as refused:
        raise FileNotRead(refused.detail, field="file", reason=refused.code) from refused
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(
            _INSERT,
            actor.tenant_id,
            new_id,
            _short(file_name),
            digest,
            len(content),
            sheet.format,
            sheet.encoding,
            sheet.delimiter,
            msgspec.json.encode(header).decode(),
            len(rows),
            actor.user_id,
            now,
        )
        if status.endswith(" 1"):
            await chunks.store(actor.tenant_id, new_id, rows)
            await audit.record(actor, "import.uploaded", subject_id=new_id, now=now, rows=len(rows))
        await _ensure_same_file(actor, new_id, digest)
        return await queries.one(actor, new_id)


def _short(file_name: str) -> str:
    """Keep a file's name as a label: no folders, nothing that cannot be shown."""
    name = clean(PurePosixPath(file_name.replace("\\", "/")).name)[:_NAME_MAX]
    return name if name and is_storable(name) else "unnamed"


async def _ensure_same_file(actor: Actor, import_id: UUID, digest: str) -> None:
    """Refuse an id that stands for another file, or for an import that the actor may not see."""
    held = await db.connection().fetchrow(
        "SELECT file_sha256, created_by FROM customer_import WHERE tenant_id = $1 AND id = $2",
        actor.tenant_id,
        import_id,
    )
    assert held is not None, "it was there already, or has just been made"
    if held["file_sha256"] != digest or not queries.is_in_sight(actor, held["created_by"]):
        raise IdReused("This id belongs to another file; make a new one.", field="id")


async def start(actor: Actor, import_id: UUID, wanted: StartImport, *, now: datetime) -> ImportView:
    """Start an import by a plan; a worker does it. The same request again changes nothing.

    :raises ImportStarted: it runs by another plan.
    """
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(
            "SELECT FROM customer_import WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
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
            "UPDATE customer_import SET state = 'running', plan = $3::jsonb, started_at = $4"
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
            "UPDATE customer_import SET state = 'stopped', finished_at = $3"
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
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        known = await queries.known_names(actor.tenant_id)
    work = _Work(actor, import_id, view.plan, known, Earlier())
    began, number = time.monotonic(), 0
    upcoming = asyncio.create_task(_read(work, number))
    try:
        while (chunk := await upcoming) is not None:
            number += 1
            # Read while this one is written: here and in PostgreSQL there is work at once.
            upcoming = asyncio.create_task(_read(work, number))
            was_done = await _do_chunk(work, chunk, now=now)
            # Each run does one chunk at least, however small its budget.
            is_over = budget_s is not None and time.monotonic() - began > budget_s
            if was_done and is_over:
                return False
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
    await _finish(actor, import_id, now=now)
    return True


class _Work(msgspec.Struct, frozen=True):
    """An import that is being done."""

    actor: Actor
    import_id: UUID
    plan: Plan
    known: Known
    earlier: Earlier


class _ReadChunk(msgspec.Struct, frozen=True):
    """A chunk whose rows are understood."""

    chunk: Chunk
    rows: list[Interpreted]


async def _read(work: _Work, number: int) -> _ReadChunk | None:
    """Read a chunk; None behind the last."""
    tenant_id = work.actor.tenant_id
    async with db.tenant_transaction(tenant_id, readonly=True):
        chunk = await chunks.load(tenant_id, work.import_id, number)
    if chunk is None:
        return None
    return _ReadChunk(chunk, await queries.interpreted(chunk.rows, work.plan, work.known))


async def _do_chunk(work: _Work, read: _ReadChunk, *, now: datetime) -> bool:
    """Do one chunk, or remember what was done of it; say whether it was done now."""
    tenant_id, number = work.actor.tenant_id, read.chunk.number
    if read.chunk.told is not None:
        _remember(work, read.chunk, {row.number: row.fields for row in read.rows})
        return False
    async with db.tenant_transaction(tenant_id):
        # Another worker that thinks it has the lease waits here, and then finds it done.
        locked = await chunks.load(tenant_id, work.import_id, number, lock=True)
        if locked is None or locked.told is not None:
            return False
        verdicts = await judging.judge(
            work.actor, work.import_id, read.rows, work.plan.duplicates, work.earlier
        )
        told, counts = await _write(work, verdicts, now=now)
        await chunks.finish(tenant_id, work.import_id, number, told, counts)
    return True


def _remember(work: _Work, chunk: Chunk, fields: dict[int, dict[str, Any]]) -> None:
    """Put the rows of a chunk that was done before among the earlier ones."""
    left = {told.number for told in chunk.told or () if not told.was_taken}
    for number, values in fields.items():
        if number not in left:
            like = duplicates.likeness(
                values.get("name"), uscc=values.get("uscc"), phone=values.get("phone")
            )
            work.earlier.add(like, number, judging.row_id(work.import_id, number))


async def _write(
    work: _Work, verdicts: Sequence[Verdict], *, now: datetime
) -> tuple[list[Told], Counts]:
    """Write a chunk as one unit of work, and tell what became of its rows."""
    ops: list[ReceivedOp] = []
    row_of: dict[int, Verdict] = {}
    held = await _tags_held(work.actor, verdicts)
    for verdict in verdicts:
        for op in _ops_of(work, verdict, held, len(ops) + 1, now):
            ops.append(op)
            row_of.setdefault(op.number, verdict)
    now_ms = clock.to_ms(now)
    applied = await changelog.apply(
        work.actor,
        ops,
        kinds=_KINDS,
        edit_clock=EditClock(received_at_ms=now_ms, floor_ms=now_ms),
        now=now,
    )
    refused: dict[int, Problem] = {}
    became: dict[int, Outcome] = {}
    for outcome in applied.result.outcomes:
        verdict = row_of[outcome.number]
        became.setdefault(verdict.row.number, outcome)
        if outcome.status not in {Status.APPLIED, Status.MERGED}:
            refusal = applied.refusals.get(outcome.number) or as_refusal(outcome)
            problem = Problem(refusal.field or "", refusal.code, refusal.detail)
            refused.setdefault(verdict.row.number, problem)
    return _tell(verdicts, refused), _count(verdicts, refused, became)


async def _tags_held(actor: Actor, verdicts: Sequence[Verdict]) -> dict[str, set[str]]:
    """Give the tags of the customers that rows with tags write into."""
    ids = [
        each.target for each in verdicts if each.action == UPDATE and each.row.fields.get("tags")
    ]
    if not ids:
        return {}
    rows = await db.connection().fetch(
        "SELECT id, tags FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        actor.tenant_id,
        ids,
    )
    return {str(row["id"]): set(msgspec.json.decode(row["tags"] or "[]")) for row in rows}


def _ops_of(
    work: _Work, verdict: Verdict, held: Mapping[str, set[str]], first: int, now: datetime
) -> Iterator[ReceivedOp]:
    """Give the ops of a row: a customer and its contact, or an edit."""
    fields = dict(verdict.row.fields)
    if verdict.action == CREATE:
        yield writing.creation("customer", UUID(verdict.target), fields, now=now, number=first)
        if verdict.row.contact:
            contact_id = uuid5(work.import_id, f"{verdict.row.number} contact")
            given = {**verdict.row.contact, "customer_id": verdict.target}
            yield writing.creation("contact", contact_id, given, now=now, number=first + 1)
    elif verdict.action == UPDATE:
        # A tag that is there already is not added once more.
        tags = set(fields.pop("tags", ())) - held.get(verdict.target, set())
        yield Edit(
            number=first,
            kind="customer",
            id=verdict.target,
            fields=fields,
            sets={"tags": SetChange(add=tuple(sorted(tags)))} if tags else {},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )


def _tell(verdicts: Sequence[Verdict], refused: dict[int, Problem]) -> list[Told]:
    """Gather what is to be told of the rows of a chunk."""
    told = []
    for verdict in verdicts:
        problems = verdict.problems
        if (late := refused.get(verdict.row.number)) is not None:
            problems = (*problems, late)
        was_taken = verdict.action in {CREATE, UPDATE} and late is None
        if problems or not was_taken:
            told.append(Told(verdict.row.number, was_taken, problems))
    return told


def _count(
    verdicts: Sequence[Verdict], refused: dict[int, Problem], became: dict[int, Outcome]
) -> Counts:
    """Count what became of the rows of a chunk."""
    planned = judging.count([each for each in verdicts if each.row.number not in refused])
    unchanged = sum(
        verdict.action == UPDATE and became[verdict.row.number].code == Code.UNCHANGED
        for verdict in verdicts
        if verdict.row.number not in refused
    )
    return msgspec.structs.replace(
        planned,
        rows=len(verdicts),
        updated=planned.updated - unchanged,
        unchanged=unchanged,
        refused=planned.refused + len(refused),
    )


async def _finish(actor: Actor, import_id: UUID, *, now: datetime) -> None:
    """Close an import whose chunks are all done."""
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(
            "UPDATE customer_import SET state = 'done', finished_at = $3"
            " WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
            actor.tenant_id,
            import_id,
            now,
        )
        if status.endswith(" 1"):
            view = await queries.one(actor, import_id)
            counts: dict[str, int] = msgspec.to_builtins(view.counts)
            await audit.record(actor, "import.finished", subject_id=import_id, now=now, **counts)
