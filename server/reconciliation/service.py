"""Take agents' files in, compare them, and settle what differs. Each function is one use case.

A file is read by the worker, then the books are written down beside it, both sides are compared,
and what came of it is kept. All but the comparing goes piece by piece, each in a transaction of its
own, and whoever was killed, the next job goes on behind the last piece. A row that cannot be read
ends the file: all such rows are told, and a corrected one may come.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from billing.reconciliation import queries as books
from billing.reconciliation import service as reconciliation
from billing.reconciliation.rules.columns import RowProblem, RowReader
from billing.reconciliation.rules.findings import Reconciled, Terms
from billing.reconciliation.rules.lines import Book, Side, Words
from billing.reconciliation.rules.matching import reconcile
from billing.reconciliation.schemas import (
    AlreadyResolved,
    ExceptionView,
    FileState,
    FileView,
    NewFile,
    Resolution,
    RowsUnread,
)
from billing.reconciliation.schemas import NewSource as Source
from billing.statements.rules import first_day
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.imports import service as imports
from server.kit import db, outbox
from server.kit.calendars import ZONE
from server.kit.errors import Invalid, NotFound
from server.partners import queries as partners
from server.reconciliation import parts, queries, questions, reading
from server.reconciliation.schemas import (
    ColumnsSaid,
    ExceptionAnswer,
    ExceptionAnswered,
    FileAsSeen,
    FileOfSource,
    FileSeen,
    NewQuestion,
    NewResolution,
    NewResolutions,
    NewSource,
    QuestionReply,
    ReconExceptionView,
    ReconFileDetail,
    ReconQuestionView,
    ReconSettled,
    Settled,
)

TOPIC: Final = "reconciliation.file"
"""The outbox's topic: a file waits to be read and compared."""
TOLD: Final = "reconciliation.told"
"""The outbox's topic: a file was compared or given up, or a question waits for its owner."""
BUDGET_S: Final = 10.0
"""How long one job reads a file and writes the books down before it leaves the rest to another."""
KEEPING_BUDGET_S: Final = 180.0
"""How long one job that has matched a file keeps what it found: the next one matches it anew."""
_WAIT: Final = timedelta(seconds=5)
"""How long a file waits for another one of the agent's that is being compared."""
_AHEAD: Final = timedelta(hours=1)
"""So much may the clocks of who leaves work and of who looks for it differ."""
_READER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name="reconciliation")
_TERMS: Final = Terms()
_ANSWER: Final = """
INSERT INTO recon_answer (exception_id, agent_id, said, said_by, said_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""

# --------------------------------------------------- files, of finance or of the agent's owner


async def save_source(actor: Actor, side: Side, new: NewSource, *, now: datetime) -> NewSource:
    """Save how an agent's files are read; its owner saves its own company's.

    :raises SourceDiffers: the id belongs to a source that is read in another way.
    :raises NotFound: there is no such agent, or it is another company.
    """
    async with queries.of_side(actor, side, readonly=False):
        await _ensure_agent(actor, side, new.agent_id)
        source = Source(**msgspec.structs.asdict(new))
        if await reconciliation.save_source(source, actor_id=actor.user_id, now=now):
            await _note(actor, side, "recon_source.saved", new.id, new.agent_id, now)
    return new


async def preview(
    actor: Actor,
    side: Side,
    content: bytes,
    *,
    agent_id: UUID | None,
    said: ColumnsSaid | None = None,
    month: str | None = None,
    now: datetime,
) -> FileSeen:
    """Read a file as it was said, or as one of the agent's sources says; nothing of it is kept.

    :param month: the one that the file is to be for, if it is chosen.
    :raises FileNotRead: with the reader's reason.
    """
    async with queries.of_side(actor, side):
        sources = await queries.sources_of(actor, side, agent_id, now=now) if agent_id else []
    maps = [*([said.column_map] if said else []), *(each.column_map for each in sources)]
    header, pieces = await imports.sheet(actor, content, reading.vocabulary(maps))
    by = reading.meant(header, said, sources)
    return await asyncio.to_thread(reading.seen, header, pieces, by, sources, month)


async def hand_in_as_seen(
    actor: Actor, side: Side, new: FileAsSeen, said: ColumnsSaid, content: bytes, *, now: datetime
) -> ReconFileDetail:
    """Take a file in as somebody said: by the source that reads alike, else by one that is saved.

    :raises NotFound: there is no such agent, or it is another company.
    :raises Invalid: no source reads so, and the new one has no name.
    :raises ColumnsUnknown: and its kin, when what was said does not do.
    :raises FileSentTwice: and what else `hand_in` raises.
    """
    by = said.column_map
    RowReader(said.header, by)
    source = reading.same_as(by, await queries.sources_of(actor, side, new.agent_id, now=now))
    if source is None:
        if new.name is None:
            raise Invalid("Write what this way of reading is called.", field="name")
        source = NewSource(id=new.source_id, agent_id=new.agent_id, name=new.name, column_map=by)
        await save_source(actor, side, source, now=now)
    sent = FileOfSource(id=new.id, source_id=source.id, month=new.month, file_name=new.file_name)
    return await hand_in(actor, side, sent, content, now=now)


async def hand_in(
    actor: Actor, side: Side, sent: FileOfSource, content: bytes, *, now: datetime
) -> ReconFileDetail:
    """Take a file in by its source's map; of names and of ignored columns nothing is kept.

    :raises SourceNotFound: there is no such source.
    :raises FileNotRead: with the reader's reason.
    :raises ColumnsUnknown: and its kin, when the header does not fit the map.
    :raises FileSentTwice: the same bytes came before under another id.
    :raises FileGivenUp: the file of this id was withdrawn or has failed.
    :raises FileDiffers: the id belongs to another file.
    :raises FilesWait: too many files of the agent wait to be compared.
    """
    async with queries.of_side(actor, side):
        source = await books.source(sent.source_id)
    vocabulary = reading.vocabulary([source.column_map])
    header, pieces = await imports.sheet(actor, content, vocabulary, sent.encoding)
    reader = RowReader(header, source.column_map)
    packed, last_row = await asyncio.to_thread(parts.packed, pieces, reader)
    new = NewFile(
        id=sent.id,
        source_id=sent.source_id,
        period=first_day(sent.month),
        file_name=sent.file_name,
        sha256=hashlib.sha256(content).digest(),
        header=header,
        last_row=last_row,
    )
    async with queries.of_side(actor, side, readonly=False):
        view = await reconciliation.open_file(new, actor_id=actor.user_id, now=now)
        if await parts.store(sent.id, view.agent_id, packed):
            await parts.ensure_few_wait(view.agent_id)
            more = {"month": sent.month, "sha256": new.sha256.hex()}
            await _note(actor, side, "recon_file.handed_in", sent.id, view.agent_id, now, **more)
            await _leave_for_worker(view, now)
        if side is Side.HERE:
            await audit.record_platform_read(actor, [view.agent_id], "reconciliation.file", now=now)
        return await queries.detail(view, side)


async def _ensure_agent(actor: Actor, side: Side, agent_id: UUID) -> None:
    """Refuse an agent that is not there, and to an owner any other company."""
    if side is Side.HERE:
        await partners.agent(actor, agent_id)
    elif agent_id != actor.tenant_id:
        raise NotFound("There is no such agent.", field="agent_id")


async def _note(
    actor: Actor,
    side: Side,
    action: str,
    subject_id: UUID,
    agent_id: UUID,
    now: datetime,
    **more: str,
) -> None:
    """Leave a line in the trail of whose person did it."""
    if side is Side.THERE:
        await audit.record(actor, action, subject_id=subject_id, now=now, **more)
    else:
        await audit.record_platform_write(
            actor, action, subject_id=subject_id, now=now, agent_id=agent_id, **more
        )


# ------------------------------------------------------------------------------- the platform


async def take_back(actor: Actor, file_id: UUID, *, now: datetime) -> ReconFileDetail:
    """Take a compared file back, once: nothing of it counts, and the same bytes may come again.

    Its agent's owners are told.

    :raises FileNotFound: there is none.
    :raises FileNotCompared: it is on its way, or has failed.
    :raises FileAwaited: another file is being compared with what this one has.
    :raises FileSettled: some of what differs is settled.
    :raises FileGoneBy: a later file was compared with what this one has.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        held = await books.file_for_update(file_id)
        view = await reconciliation.take_back(file_id, _TERMS)
        if held.state is FileState.COMPARED:
            await _note(actor, Side.HERE, "recon_file.taken_back", file_id, view.agent_id, now)
            await _tell(view.agent_id, view.id, f"taken_back:{view.id}", now)
        await audit.record_platform_read(actor, [view.agent_id], "reconciliation.file", now=now)
        return await queries.detail(view, Side.HERE)


async def resolve(
    actor: Actor, exception_id: UUID, said: NewResolution, *, now: datetime
) -> ReconExceptionView:
    """Say what came of a difference, once; the same again is answered the same.

    :raises ExceptionNotFound: there is none.
    :raises AlreadyResolved: something else was said before.
    :raises Invalid: the books have no such transfers of the agent.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    meant = Resolution(**msgspec.structs.asdict(said))
    async with db.platform_transaction(actor):
        held = await books.exception_for_update(exception_id)
        await _ensure_booked(said.group_id, [held.agent_id])
        done = await reconciliation.resolve(exception_id, meant, actor_id=actor.user_id, now=now)
        if held.outcome is None:
            await audit.record_platform_write(
                actor,
                "recon_exception.resolved",
                subject_id=exception_id,
                now=now,
                agent_id=done.agent_id,
                outcome=said.outcome,
            )
        await audit.record_platform_read(
            actor, [done.agent_id], "reconciliation.exceptions", now=now
        )
        [view] = await queries.views([done], now)
    return view


async def resolve_many(actor: Actor, asked: NewResolutions, *, now: datetime) -> list[ReconSettled]:
    """Say the same of many differences; what was said before of any of them stays.

    Each is answered by itself, in the order in which they were named; asked again, the same.

    :raises Invalid: the books have no such transfers of the agent.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    said = Resolution(outcome=asked.outcome, note=asked.note, group_id=asked.group_id)
    async with db.platform_transaction(actor):
        named = await books.exceptions_among(asked.exceptions)
        await _ensure_booked(said.group_id, [each.agent_id for each in named])
        done = await reconciliation.resolve_many(
            asked.exceptions, said, actor_id=actor.user_id, now=now
        )
        held = {each.id: each for each in await books.exceptions_among(asked.exceptions)}
        for exception_id in sorted(done):
            await audit.record_platform_write(
                actor,
                "recon_exception.resolved",
                subject_id=exception_id,
                now=now,
                agent_id=held[exception_id].agent_id,
                outcome=said.outcome,
            )
        agents = [each.agent_id for each in held.values()]
        await audit.record_platform_read(actor, agents, "reconciliation.exceptions", now=now)
    return [_settled(each, held.get(each), said) for each in asked.exceptions]


def _settled(exception_id: UUID, held: ExceptionView | None, said: Resolution) -> ReconSettled:
    """Say what became of one difference."""
    if held is None:
        return ReconSettled(id=exception_id, result=Settled.NOT_FOUND)
    is_same = (held.outcome, held.note, held.group_id) == (said.outcome, said.note, said.group_id)
    return ReconSettled(
        id=exception_id,
        result=Settled.RESOLVED if is_same else Settled.ALREADY_RESOLVED,
        outcome=held.outcome,
        note=held.note,
    )


async def ask(
    actor: Actor, exception_id: UUID, new: NewQuestion, *, now: datetime
) -> ReconQuestionView:
    """Ask an agent about a difference; its owner is told once a day and file.

    :raises ExceptionNotFound: there is none.
    :raises AlreadyResolved: it is settled.
    :raises QuestionWaits: another question about it waits for its reply.
    :raises IdReused: the id belongs to another question.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        held = await books.exception_for_update(exception_id)
        if await questions.ask(held, new, actor_id=actor.user_id, now=now):
            await audit.record_platform_write(
                actor,
                "recon_question.asked",
                subject_id=new.id,
                now=now,
                agent_id=held.agent_id,
                exception_id=exception_id,
            )
            day = now.astimezone(ZONE).date()
            await _tell(held.agent_id, held.file_id, f"asked:{held.file_id}:{day}", now)
        await audit.record_platform_read(
            actor, [held.agent_id], "reconciliation.exceptions", now=now
        )
        return await questions.one(new.id)


async def _ensure_booked(group_id: UUID | None, agent_ids: Sequence[UUID]) -> None:
    """Refuse transfers that do not move an account of each of some agents."""
    for agent_id in sorted(set(agent_ids)):
        if group_id is not None and not await books.is_booked(group_id, agent_id):
            raise Invalid("The books have no such transfers of this agent.", field="group_id")


# ---------------------------------------------------------------------------------- the agents


async def answer(
    actor: Actor, exception_id: UUID, answered: ExceptionAnswer, *, now: datetime
) -> ReconExceptionView:
    """Say in words what one's own company knows of a difference, once.

    :raises ExceptionNotFound: also when it is another company's.
    :raises AlreadyResolved: it is settled.
    :raises ExceptionAnswered: something else was said before.
    """
    queries.ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id):
        held = await books.exception(exception_id, seen_by=Side.THERE)
        [view] = await queries.views([held], now)
        if view.answer is None:
            if held.outcome is not None:
                raise AlreadyResolved("The platform has resolved this already.")
            status = await db.connection().execute(
                _ANSWER, exception_id, actor.tenant_id, answered.said, actor.user_id, now
            )
            if status.endswith(" 1"):
                await audit.record(
                    actor, "recon_exception.answered", subject_id=exception_id, now=now
                )
            [view] = await queries.views([held], now)
        if view.answer != answered.said:
            raise ExceptionAnswered("Your company has answered this already.", field="said")
    return view


async def reply(
    actor: Actor, question_id: UUID, given: QuestionReply, *, now: datetime
) -> ReconQuestionView:
    """Reply to a question about a difference of one's own company, once.

    :raises NotFound: there is no such question, also when it is another company's.
    :raises AlreadyResolved: what it is about is settled.
    :raises QuestionReplied: something else was replied before.
    """
    queries.ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id):
        held = await questions.one(question_id)
        about = await books.exception(held.exception_id)
        if held.reply is None and about.outcome is not None:
            raise AlreadyResolved("The platform has resolved this already.")
        if await questions.reply(held, given, actor_id=actor.user_id, now=now):
            await audit.record(actor, "recon_question.replied", subject_id=question_id, now=now)
        return await questions.one(question_id)


# ---------------------------------------------------------------------------------- the worker


async def go_on(file_id: UUID, *, now: datetime) -> None:
    """Take a file on from where it is, until it is compared or the next job is to go on."""
    began = time.monotonic()
    while await _read_some(file_id) or await _extract_some(file_id, now):
        if time.monotonic() - began > BUDGET_S:
            return await _leave_rest(file_id, now)
    async with db.platform_transaction(_READER):
        view = await books.file(file_id)
        if view.state is not FileState.LOADING:
            return None
        if not await reconciliation.begin(file_id, now=now):
            return await _leave_for_worker(view, now, run_at=now + _WAIT)
    found = await _matched(view)
    while await _keep_some(file_id, found, now):
        if time.monotonic() - began > KEEPING_BUDGET_S:
            return await _leave_rest(file_id, now)
    return None


async def give_up_lost(*, now: datetime) -> None:
    """End the files with which no job goes on any more; each may be handed in again.

    A job that has failed too often is parked, and so is one that has ended too many workers.
    """
    async with db.platform_transaction(_READER):
        loading = await books.loading()
    for file_id in loading:
        async with db.job_transaction():
            about = {"file_id": str(file_id)}
            if await outbox.is_waited_for(TOPIC, before=now + _AHEAD, now=now, about=about):
                continue
        async with db.platform_transaction(_READER):
            view = await books.file_for_update(file_id)
            if view.state is FileState.LOADING:
                await reconciliation.fail(file_id)
                await _note_end(view, "recon_file.failed", now)


async def _note_end(view: FileView, action: str, now: datetime) -> None:
    """Keep nothing of what was not read of a file that was given up, and have its owner told."""
    await parts.empty(view.id)
    await _record(view, action, now)
    await _tell(view.agent_id, view.id, f"failed:{view.id}", now)


async def _extract_some(file_id: UUID, now: datetime) -> bool:
    """Write down the next of what the books say of a file that is read; say whether there was."""
    async with db.platform_transaction(_READER):
        view = await books.file_for_update(file_id)
        if view.state is not FileState.LOADING:
            return False
        if await parts.rejected_count(file_id):
            await reconciliation.withdraw(file_id)
            await _note_end(view, "recon_file.withdrawn", now)
            return False
        return await reconciliation.extract_some(file_id, _TERMS)


async def _matched(view: FileView) -> Reconciled:
    """Gather the lines of both sides, which stay as they are, and match them."""
    words = Words()
    here, there = Book(words), Book(words)
    for side, book in ((Side.HERE, here), (Side.THERE, there)):
        is_more = True
        while is_more:
            async with db.platform_transaction(_READER):
                is_more = await reconciliation.gather_some(view.id, side, book)
    await _gather_elsewhere(view, here)
    # Seconds of work, beside which whoever else is here goes on.
    terms = msgspec.structs.replace(_TERMS, month=view.period)
    return await asyncio.to_thread(reconcile, here, there, terms)


async def _gather_elsewhere(view: FileView, book: Book) -> None:
    """Note which of the books' lines are matched in the agent's other files."""
    async with db.platform_transaction(_READER):
        others = await books.neighbours(view.id)
    for other in others:
        after: int | None = 0
        while after is not None:
            async with db.platform_transaction(_READER):
                after = await reconciliation.gather_elsewhere(
                    view.id, other, _TERMS, book, after=after
                )


async def _keep_some(file_id: UUID, found: Reconciled, now: datetime) -> bool:
    """Keep the next of what was found, whoever else found the same; say whether more is left."""
    async with db.platform_transaction(_READER):
        view = await books.file_for_update(file_id)
        if view.state is not FileState.LOADING:
            return False
        is_more = await reconciliation.keep_some(file_id, found, now=now)
        if not is_more:
            await _record(view, "recon_file.compared", now)
            await _tell(view.agent_id, view.id, f"compared:{view.id}", now)
    return is_more


async def _record(view: FileView, action: str, now: datetime) -> None:
    """Note in the audit log what came of a file."""
    await audit.record_platform_write(
        _READER, action, subject_id=view.id, now=now, agent_id=view.agent_id
    )


async def _read_some(file_id: UUID) -> bool:
    """Read the next part in one transaction; say whether there was one."""
    async with db.platform_transaction(_READER):
        # Another worker that thinks it has the lease waits here.
        view = await books.file_for_update(file_id)
        part = await parts.upcoming(file_id) if view.state is FileState.LOADING else None
        if part is None:
            return False
        number, rows = part
        await parts.finish(file_id, number, await _taken(view, rows))
    return True


async def _taken(view: FileView, rows: parts.Rows) -> Sequence[RowProblem]:
    """Add rows to the file's lines, or say why they cannot be read."""
    try:
        await reconciliation.add_rows(view.id, rows, after=view.read_until)
    except RowsUnread as unread:
        return unread.problems
    return []


async def _tell(agent_id: UUID, file_id: UUID, key: str, now: datetime) -> None:
    """Leave a word for the agent's owners about a file; under the same key they hear it once."""
    payload = {"id": str(file_id), "key": key}
    await outbox.add(TOLD, payload, tenant_id=agent_id, now=now, key=f"{TOLD}:{key}")


async def _leave_rest(file_id: UUID, now: datetime) -> None:
    """Leave what is left of a file to another job."""
    async with db.platform_transaction(_READER):
        await _leave_for_worker(await books.file(file_id), now)


async def _leave_for_worker(
    view: FileView, now: datetime, *, run_at: datetime | None = None
) -> None:
    """Leave a file, or what is left of it, to the worker."""
    payload, key = {"file_id": str(view.id)}, f"{TOPIC}:{view.id}"
    await outbox.add(TOPIC, payload, tenant_id=view.agent_id, now=now, key=key, run_at=run_at)
