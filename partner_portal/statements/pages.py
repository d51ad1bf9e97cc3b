"""Statements of one's own company: what the platform has drawn up, and what its owner says."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.commissions import queries as commissions
from server.kit import clock
from server.kit.sheets import attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.statements import exports, queries, service
from server.statements.schemas import Confirmation, NewDispute, SeenStatement

_ONE: Final = "/statements/{statement_id:uuid}"
LINES_SHOWN: Final = 200
"""Lines of a page."""
_NUMBER_MAX: Final = 2**31 - 1
_NOTHING: Final = Problem()


@get("/statements")
async def statements(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the statements, the newest month first."""
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "statements/templates/statements.html",
        page=await queries.own(actor, cursor=cursor, now=clock.now()),
        **await frame(request, actor),
    )


@get(_ONE)
async def statement(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Show a statement with its lines."""
    return await _page(request, actor, renderer, statement_id)


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    statement_id: UUID,
    wrong: Problem = _NOTHING,
) -> Response[Any]:
    """Draw a statement; above it what was refused."""
    after = forms.whole(request.query_params.get("after", "")) or 0
    found = await queries.own_one(actor, statement_id, now=clock.now())
    lines = await queries.own_lines(actor, statement_id, after=min(after, _NUMBER_MAX))
    shown = lines[:LINES_SHOWN]
    behind = await commissions.own_behind(actor, [each.transfer_id for each in shown])
    return renderer.page(
        request,
        "statements/templates/statement.html",
        status=wrong.status,
        held=found,
        sides={each.side: each for each in found.signatures},
        names={each.account_id: each.program_name for each in found.accounts},
        lines=shown,
        behind=behind,
        is_more=len(lines) > LINES_SHOWN,
        unsaid=",".join(str(each.n) for each in shown if each.said is None),
        wrong=wrong,
        **await frame(request, actor),
    )


@post(f"{_ONE}/confirmations", status_code=200)
async def confirm(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Confirm the lines that the form names."""
    given = await forms.texts(request, "lines")

    async def act() -> None:
        lines = [forms.whole(text) for text in given["lines"].split(",")]
        said = forms.taken({"lines": lines}, Confirmation)
        await service.confirm(actor, statement_id, said, now=clock.now())

    drawn = partial(_page, request, actor, renderer, statement_id)
    done = forms.go(f"/statements/{statement_id}", "statement_confirmed")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/disputes", status_code=200)
async def dispute(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Dispute one line with a reason."""
    given = await forms.texts(request, "line", "reason", "evidence")

    async def act() -> None:
        why = forms.taken({**forms.filled(given), "line": forms.whole(given["line"])}, NewDispute)
        await service.dispute(actor, statement_id, why, now=clock.now())

    drawn = partial(_page, request, actor, renderer, statement_id)
    done = forms.go(f"/statements/{statement_id}", "statement_disputed")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/signature", status_code=200)
async def sign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Sign a statement with the hash that the page showed."""
    given = await forms.texts(request, "hash")

    async def act() -> None:
        seen = forms.taken(given, SeenStatement)
        await service.accept(actor, statement_id, seen, now=clock.now())

    drawn = partial(_page, request, actor, renderer, statement_id)
    done = forms.go(f"/statements/{statement_id}", "statement_signed")
    return await forms.answered(request, act, drawn, done)


@get(f"{_ONE}/statement.pdf", media_type=PDF, opt={"time_limit_s": TIME_LIMIT_S + 10})
async def paper(actor: CurrentActor, statement_id: FromPath[UUID]) -> Response[bytes]:
    """Give a statement as PDF."""
    found = await queries.own_whole(actor, statement_id, most=exports.PAPER_LINES, now=clock.now())
    content = await exports.as_pdf(*found)
    return Response(content, media_type=PDF, headers=attached("statement.pdf"))


@get(f"{_ONE}/statement.xlsx", media_type=exports.XLSX)
async def workbook(actor: CurrentActor, statement_id: FromPath[UUID]) -> Response[bytes]:
    """Give a statement as a workbook."""
    found = await queries.own_whole(
        actor, statement_id, most=exports.WORKBOOK_LINES, now=clock.now()
    )
    content = await exports.as_workbook(*found)
    return Response(content, media_type=exports.XLSX, headers=attached("statement.xlsx"))


@get(f"{_ONE}/signed.txt", media_type="text/plain")
async def proven(actor: CurrentActor, statement_id: FromPath[UUID]) -> Response[bytes]:
    """Give a signed statement with its proofs."""
    content = await queries.own_signed(actor, statement_id)
    return Response(content, media_type="text/plain", headers=attached("statement.txt"))
