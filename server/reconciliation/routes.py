"""Reconciliation over HTTP: the platform's finance keeps it, an agent's owner sees and answers."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from billing.reconciliation.rules.findings import Cause, Kind
from billing.reconciliation.rules.lines import Side
from server.access.edge import CurrentActor
from server.kit import clock, sheets
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.text import PRINTABLE
from server.reconciliation import exports, queries, service
from server.reconciliation.schemas import (
    FILE_BYTES_MAX,
    MONTH,
    ExceptionAnswer,
    FileOfSource,
    NewQuestion,
    NewResolution,
    NewResolutions,
    NewSource,
    QuestionReply,
    ReconExceptionDetail,
    ReconExceptionView,
    ReconFileDetail,
    ReconFileView,
    ReconFilter,
    ReconGroup,
    ReconQuestionView,
    ReconSettled,
    WaitingQuestion,
)

FileName = Annotated[str, QueryParameter(min_length=1, max_length=200, pattern=PRINTABLE)]
Month = Annotated[str, QueryParameter(pattern=MONTH, description="A month, as in 2026-11.")]
Encoding = Annotated[str | None, QueryParameter(pattern=r"\A(utf-8|utf-8-sig|gb18030|utf-16)\Z")]
_FILES: Final = "/reconciliation/files"
_SOURCES: Final = "/reconciliation/sources"
_ONE: Final = f"{_FILES}/{{file_id:uuid}}"
_EXCEPTION: Final = "/reconciliation/exceptions/{exception_id:uuid}"


@get(_FILES, summary="List one's own reconciliations")
async def own(actor: CurrentActor, cursor: PageCursor = None) -> Page[ReconFileView]:
    """List the files of one's own company that are compared with the platform's books."""
    return await queries.files(actor, Side.THERE, cursor=cursor, now=clock.now())


@get(_ONE, summary="One's own reconciliation of a file")
async def own_one(actor: CurrentActor, file_id: FromPath[UUID]) -> ReconFileDetail:
    """Give how far a file has come, or what came of it; `here` is one's own book."""
    return await queries.file(actor, Side.THERE, file_id, now=clock.now())


@get(f"{_ONE}/exceptions", summary="How one's own file differs")
async def own_exceptions(
    actor: CurrentActor, file_id: FromPath[UUID], cursor: PageCursor = None
) -> Page[ReconExceptionView]:
    """List the differences, with the cause in words, whose turn it is and until when."""
    return await queries.exceptions(actor, Side.THERE, file_id, cursor=cursor, now=clock.now())


@get("/reconciliation/groups", summary="One's own differences by kind")
async def own_groups(
    actor: CurrentActor, file_id: FromQuery[UUID | None] = None
) -> list[ReconGroup]:
    """Count what is open of one file or of all by kind, cause and currency."""
    asked = ReconFilter(file_id=file_id)
    return await queries.groups(actor, Side.THERE, asked, now=clock.now())


@get("/reconciliation/exceptions", summary="List one's own differences")
async def own_differences(
    actor: CurrentActor,
    file_id: FromQuery[UUID | None] = None,
    kind: FromQuery[Kind | None] = None,
    cause: FromQuery[Cause | None] = None,
    overdue: FromQuery[bool] = False,  # noqa: FBT002 - a query's parameter
    resolved: FromQuery[bool] = False,  # noqa: FBT002 - a query's parameter
    cursor: PageCursor = None,
) -> Page[ReconExceptionView]:
    """List the differences of one file or of all, what is due first at the beginning."""
    asked = ReconFilter(file_id=file_id, kind=kind, cause=cause, overdue=overdue, resolved=resolved)
    return await queries.differences(actor, Side.THERE, asked, cursor=cursor, now=clock.now())


@get(_EXCEPTION, summary="One's own difference side by side")
async def own_difference(actor: CurrentActor, exception_id: FromPath[UUID]) -> ReconExceptionDetail:
    """Give a difference with the lines of both sides; `here` is one's own book."""
    return await queries.difference(actor, Side.THERE, exception_id, now=clock.now())


@get(f"{_ONE}/rejected.csv", summary="The rejected rows of one's own file", media_type=sheets.CSV)
async def own_rejected(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
    """Give which cells could not be read, and why."""
    blocks = await exports.rejected(actor, Side.THERE, file_id, now=clock.now())
    return sheets.answer(blocks, "rejected.csv")


@get(
    f"{_ONE}/differences.csv",
    summary="How one's own file differs, as a sheet",
    media_type=sheets.CSV,
)
async def own_differences_file(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
    """Give the differences, also the settled ones, the first 100,000."""
    blocks = await exports.differences(actor, Side.THERE, file_id, now=clock.now())
    return sheets.answer(blocks, "differences.csv")


@post(f"{_EXCEPTION}/answer", summary="Answer a difference")
async def answer(
    actor: CurrentActor, exception_id: FromPath[UUID], data: JSONBody[ExceptionAnswer]
) -> ReconExceptionView:
    """Say in words what one's company knows of a difference, once."""
    return await service.answer(actor, exception_id, data, now=clock.now())


@get("/reconciliation/questions", summary="List questions that wait for one's own reply")
async def own_questions(
    actor: CurrentActor, file_id: FromQuery[UUID | None] = None, cursor: PageCursor = None
) -> Page[WaitingQuestion]:
    """List what the platform asks about open differences, the earliest first."""
    asked = ReconFilter(file_id=file_id)
    return await queries.waiting(actor, Side.THERE, asked, cursor=cursor, now=clock.now())


@post("/reconciliation/questions/{question_id:uuid}/reply", summary="Reply to a question")
async def reply(
    actor: CurrentActor, question_id: FromPath[UUID], data: JSONBody[QuestionReply]
) -> ReconQuestionView:
    """Reply in words to what the platform asks about a difference, once."""
    return await service.reply(actor, question_id, data, now=clock.now())


@post(_SOURCES, summary="Save how one's own files are read")
async def save_own_source(actor: CurrentActor, data: JSONBody[NewSource]) -> NewSource:
    """Save which column is for what; a changed map is a source of its own."""
    return await service.save_source(actor, Side.THERE, data, now=clock.now())


@get(_SOURCES, summary="List how one's own files are read")
async def own_sources(actor: CurrentActor, cursor: PageCursor = None) -> Page[NewSource]:
    """List the sources of one's own company."""
    return await queries.sources(actor, Side.THERE, cursor=cursor, now=clock.now())


@post(
    _FILES,
    summary="Hand one's own file in",
    request_max_body_size=FILE_BYTES_MAX,
    opt={"time_limit_s": 60.0},
)
async def hand_own_in(
    request: Request[Any, Any, Any],
    actor: CurrentActor,
    id: FromQuery[UUID],  # noqa: A002 - the name in every request
    source_id: FromQuery[UUID],
    month: Month,
    file_name: FileName,
    encoding: Encoding = None,
) -> ReconFileDetail:
    """Take a CSV or XLSX of one's own company, sent as the body, as finance does."""
    sent = FileOfSource(
        id=id, source_id=source_id, month=month, file_name=file_name, encoding=encoding
    )
    return await service.hand_in(actor, Side.THERE, sent, await request.body(), now=clock.now())


@post(_SOURCES, summary="Save how an agent's files are read")
async def save_source(actor: CurrentActor, data: JSONBody[NewSource]) -> NewSource:
    """Save which column is for what; a changed map is a source of its own."""
    return await service.save_source(actor, Side.HERE, data, now=clock.now())


@get(_SOURCES, summary="List how files are read")
async def sources(
    actor: CurrentActor, agent_id: FromQuery[UUID | None] = None, cursor: PageCursor = None
) -> Page[NewSource]:
    """List the sources of one agent or of all."""
    return await queries.sources(
        actor, Side.HERE, agent_id=agent_id, cursor=cursor, now=clock.now()
    )


@post(
    _FILES,
    summary="Hand an agent's file in",
    request_max_body_size=FILE_BYTES_MAX,
    opt={"time_limit_s": 60.0},
)
async def hand_in(
    request: Request[Any, Any, Any],
    actor: CurrentActor,
    id: FromQuery[UUID],  # noqa: A002 - the name in every request
    source_id: FromQuery[UUID],
    month: Month,
    file_name: FileName,
    encoding: Encoding = None,
) -> ReconFileDetail:
    """Take a CSV or XLSX, sent as the body; a worker reads and compares it."""
    sent = FileOfSource(
        id=id, source_id=source_id, month=month, file_name=file_name, encoding=encoding
    )
    return await service.hand_in(actor, Side.HERE, sent, await request.body(), now=clock.now())


@get(_FILES, summary="List reconciliations")
async def files(
    actor: CurrentActor, agent_id: FromQuery[UUID | None] = None, cursor: PageCursor = None
) -> Page[ReconFileView]:
    """List the files of one agent or of all, the newest month first; each agent is told."""
    return await queries.files(actor, Side.HERE, agent_id=agent_id, cursor=cursor, now=clock.now())


@get(_ONE, summary="One reconciliation")
async def one(actor: CurrentActor, file_id: FromPath[UUID]) -> ReconFileDetail:
    """Give how far a file has come, or what came of it: matches by rule, differences by kind."""
    return await queries.file(actor, Side.HERE, file_id, now=clock.now())


@post(f"{_ONE}/withdrawal", summary="Take a file back", status_code=200)
async def take_back(actor: CurrentActor, file_id: FromPath[UUID]) -> ReconFileDetail:
    """Take a compared file back of which nothing is settled: nothing of it counts any more."""
    return await service.take_back(actor, file_id, now=clock.now())


@get(f"{_ONE}/exceptions", summary="How a file differs")
async def exceptions(
    actor: CurrentActor, file_id: FromPath[UUID], cursor: PageCursor = None
) -> Page[ReconExceptionView]:
    """List the differences, with the cause in words, whose turn it is and until when."""
    return await queries.exceptions(actor, Side.HERE, file_id, cursor=cursor, now=clock.now())


@get("/reconciliation/groups", summary="Differences by kind")
async def groups(
    actor: CurrentActor,
    file_id: FromQuery[UUID | None] = None,
    agent_id: FromQuery[UUID | None] = None,
) -> list[ReconGroup]:
    """Count what is open by kind, cause and currency; each agent is told."""
    asked = ReconFilter(file_id=file_id, agent_id=agent_id)
    return await queries.groups(actor, Side.HERE, asked, now=clock.now())


@get("/reconciliation/exceptions", summary="List differences")
async def differences(
    actor: CurrentActor,
    file_id: FromQuery[UUID | None] = None,
    agent_id: FromQuery[UUID | None] = None,
    kind: FromQuery[Kind | None] = None,
    cause: FromQuery[Cause | None] = None,
    overdue: FromQuery[bool] = False,  # noqa: FBT002 - a query's parameter
    resolved: FromQuery[bool] = False,  # noqa: FBT002 - a query's parameter
    cursor: PageCursor = None,
) -> Page[ReconExceptionView]:
    """List the differences of one file, of an agent or of all; each agent is told."""
    asked = ReconFilter(
        file_id=file_id,
        agent_id=agent_id,
        kind=kind,
        cause=cause,
        overdue=overdue,
        resolved=resolved,
    )
    return await queries.differences(actor, Side.HERE, asked, cursor=cursor, now=clock.now())


@get(_EXCEPTION, summary="A difference side by side")
async def difference(actor: CurrentActor, exception_id: FromPath[UUID]) -> ReconExceptionDetail:
    """Give a difference with the lines of both sides."""
    return await queries.difference(actor, Side.HERE, exception_id, now=clock.now())


@get(f"{_ONE}/rejected.csv", summary="The rejected rows of a file", media_type=sheets.CSV)
async def rejected(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
    """Give which cells could not be read, and why; it repeats nothing of what they say."""
    blocks = await exports.rejected(actor, Side.HERE, file_id, now=clock.now())
    return sheets.answer(blocks, "rejected.csv")


@get(f"{_ONE}/differences.csv", summary="How a file differs, as a sheet", media_type=sheets.CSV)
async def differences_file(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
    """Give the differences, also the settled ones, the first 100,000."""
    blocks = await exports.differences(actor, Side.HERE, file_id, now=clock.now())
    return sheets.answer(blocks, "differences.csv")


@post(f"{_EXCEPTION}/resolution", summary="Resolve a difference")
async def resolve(
    actor: CurrentActor, exception_id: FromPath[UUID], data: JSONBody[NewResolution]
) -> ReconExceptionView:
    """Say what came of a difference, once."""
    return await service.resolve(actor, exception_id, data, now=clock.now())


@get("/reconciliation/questions", summary="List questions that wait for a reply")
async def questions(
    actor: CurrentActor,
    file_id: FromQuery[UUID | None] = None,
    agent_id: FromQuery[UUID | None] = None,
    cursor: PageCursor = None,
) -> Page[WaitingQuestion]:
    """List questions about open differences of a file, an agent or all; each agent is told."""
    asked = ReconFilter(file_id=file_id, agent_id=agent_id)
    return await queries.waiting(actor, Side.HERE, asked, cursor=cursor, now=clock.now())


@post(f"{_EXCEPTION}/questions", summary="Ask about a difference")
async def ask(
    actor: CurrentActor, exception_id: FromPath[UUID], data: JSONBody[NewQuestion]
) -> ReconQuestionView:
    """Ask the agent about a difference; one question waits for its reply at a time."""
    return await service.ask(actor, exception_id, data, now=clock.now())


@post("/reconciliation/resolutions", summary="Resolve many differences", status_code=200)
async def resolve_many(actor: CurrentActor, data: JSONBody[NewResolutions]) -> list[ReconSettled]:
    """Say the same of up to 500 differences; each is answered by itself, a retry the same."""
    return await service.resolve_many(actor, data, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        Router(
            "/",
            route_handlers=[
                *(own, own_one, own_exceptions, own_rejected),
                *(own_groups, own_differences, own_difference, own_differences_file, answer),
                *(own_questions, reply, save_own_source, own_sources, hand_own_in),
            ],
            tags=["reconciliation"],
        ),
        Router(
            "/platform",
            route_handlers=[
                save_source,
                sources,
                hand_in,
                files,
                one,
                take_back,
                exceptions,
                groups,
                differences,
                difference,
                rejected,
                differences_file,
                resolve,
                resolve_many,
                questions,
                ask,
            ],
            tags=["platform: reconciliation"],
        ),
    ],
)
