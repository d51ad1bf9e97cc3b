"""Statements over HTTP: the platform's finance draws them up, an agent's owner answers."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from billing.statements.schemas import StatementLineView
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.sheets import attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.statements import exports, queries, service
from server.statements.schemas import (
    Confirmation,
    NewAnswer,
    NewDispute,
    NewStatement,
    SeenStatement,
    StatementDetail,
    StatementDispute,
    StatementSummary,
)

After = Annotated[int, QueryParameter(ge=0, le=2**31 - 1, description="Of the last line seen.")]
_ONE: Final = "/statements/{statement_id:uuid}"
_FILES: Final[dict[str, Any]] = {"opt": {"time_limit_s": TIME_LIMIT_S + 10}}


@get("/statements", summary="List one's own statements")
async def own(actor: CurrentActor, cursor: PageCursor = None) -> Page[StatementSummary]:
    """List the statements of one's own company, the newest month first."""
    return await queries.own(actor, cursor=cursor, now=clock.now())


@get(_ONE, summary="One's own statement of a month")
async def own_one(actor: CurrentActor, statement_id: FromPath[UUID]) -> StatementDetail:
    """Give a statement with what stood on each account, and the hash that a signature names."""
    return await queries.own_one(actor, statement_id, now=clock.now())


@get(f"{_ONE}/lines", summary="The lines of one's own statement")
async def own_lines(
    actor: CurrentActor, statement_id: FromPath[UUID], after: After = 0
) -> list[StatementLineView]:
    """List up to 2,000 lines above a number, with what was said of each."""
    return await queries.own_lines(actor, statement_id, after=after)


@post(f"{_ONE}/confirmations", summary="Confirm lines")
async def confirm(
    actor: CurrentActor, statement_id: FromPath[UUID], data: JSONBody[Confirmation]
) -> StatementSummary:
    """Say that lines are right; signing says so of all that are not disputed."""
    return await service.confirm(actor, statement_id, data, now=clock.now())


@post(f"{_ONE}/disputes", summary="Dispute a line")
async def dispute(
    actor: CurrentActor, statement_id: FromPath[UUID], data: JSONBody[NewDispute]
) -> StatementLineView:
    """Say why a line is not right; the platform has a week to answer."""
    return await service.dispute(actor, statement_id, data, now=clock.now())


@post(f"{_ONE}/signature", summary="Sign one's own statement")
async def accept(
    actor: CurrentActor, statement_id: FromPath[UUID], data: JSONBody[SeenStatement]
) -> StatementSummary:
    """Sign a statement as it was shown; nothing more is said of its lines then."""
    return await service.accept(actor, statement_id, data, now=clock.now())


@get(f"{_ONE}/signed.txt", summary="One's own statement with its proofs", media_type="text/plain")
async def own_signed(actor: CurrentActor, statement_id: FromPath[UUID]) -> Response[bytes]:
    """Give what the platform signed, each line with its proof, as `tonglu-verify signed` reads."""
    content = await queries.own_signed(actor, statement_id)
    return Response(content, media_type="text/plain", headers=attached("statement.txt"))


@get(f"{_ONE}/statement.xlsx", summary="A statement as a workbook", media_type=exports.XLSX)
async def own_workbook(actor: CurrentActor, statement_id: FromPath[UUID]) -> Response[bytes]:
    """Give a statement with its lines as XLSX."""
    found = await queries.own_whole(
        actor, statement_id, most=exports.WORKBOOK_LINES, now=clock.now()
    )
    content = await exports.as_workbook(*found)
    return Response(content, media_type=exports.XLSX, headers=attached("statement.xlsx"))


@get(f"{_ONE}/statement.pdf", summary="Print a statement", media_type=PDF, **_FILES)
async def own_paper(actor: CurrentActor, statement_id: FromPath[UUID]) -> Response[bytes]:
    """Give a statement as PDF, in Chinese."""
    found = await queries.own_whole(actor, statement_id, most=exports.PAPER_LINES, now=clock.now())
    content = await exports.as_pdf(*found)
    return Response(content, media_type=PDF, headers=attached("statement.pdf"))


@post("/statements", summary="Draw a statement up")
async def draw(actor: CurrentActor, data: JSONBody[NewStatement]) -> StatementDetail:
    """Draw up what was written down in a month on an agent's accounts; it never changes."""
    return await service.draw(actor, data, now=clock.now())


@get("/statements", summary="List statements")
async def drawn(
    actor: CurrentActor, agent_id: FromQuery[UUID | None] = None, cursor: PageCursor = None
) -> Page[StatementSummary]:
    """List the statements of all agents, the newest month first; each agent is told."""
    return await queries.drawn(actor, agent_id=agent_id, cursor=cursor, now=clock.now())


@get("/statement-disputes", summary="List disputes that wait")
async def disputes(actor: CurrentActor, cursor: PageCursor = None) -> Page[StatementDispute]:
    """List the disputes that wait for an answer, the most urgent first; their agents are told."""
    return await queries.disputes(actor, cursor=cursor, now=clock.now())


@get(_ONE, summary="One statement")
async def drawn_one(actor: CurrentActor, statement_id: FromPath[UUID]) -> StatementDetail:
    """Give a statement with what stood on each account; its agent is told that it was read."""
    return await queries.drawn_one(actor, statement_id, now=clock.now())


@get(f"{_ONE}/lines", summary="The lines of a statement")
async def drawn_lines(
    actor: CurrentActor, statement_id: FromPath[UUID], after: After = 0
) -> list[StatementLineView]:
    """List up to 2,000 lines above a number; the agent is told that they were read."""
    return await queries.drawn_lines(actor, statement_id, after=after, now=clock.now())


@post(f"{_ONE}/answers", summary="Answer a dispute")
async def answer(
    actor: CurrentActor, statement_id: FromPath[UUID], data: JSONBody[NewAnswer]
) -> StatementLineView:
    """Keep a line, or have a later one correct it; the line stays as it is."""
    return await service.answer(actor, statement_id, data, now=clock.now())


@post(f"{_ONE}/signature", summary="Sign a statement for the platform")
async def sign(
    actor: CurrentActor, statement_id: FromPath[UUID], data: JSONBody[SeenStatement]
) -> StatementSummary:
    """Sign a statement as it was shown, with the key of the books' heads."""
    return await service.sign(actor, statement_id, data, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        Router(
            "/",
            route_handlers=[
                own,
                own_one,
                own_lines,
                confirm,
                dispute,
                accept,
                own_signed,
                own_workbook,
                own_paper,
            ],
            tags=["statements"],
        ),
        Router(
            "/platform",
            route_handlers=[draw, drawn, disputes, drawn_one, drawn_lines, answer, sign],
            tags=["platform: statements"],
        ),
    ],
)
