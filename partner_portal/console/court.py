"""The court (仲裁庭): disputes between agents by when they are due, with evidence and trace.

The page shows letters, times and kinds of evidence, and never a customer; each look leaves a line
in the feed of the agents concerned.
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.formats import REGISTRATION_COLOURS
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.errors import Refusal
from server.partners import queries as partners
from server.registrations import queries, service
from server.registrations.schemas import NewVerdict, Word


@get("/console/court")
async def court(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the cases that wait, or those that are over, and who asked for nobody."""
    ensure(actor, Permission.CASES_RULE)
    is_over = request.query_params.get("view") == "over"
    cursor, now = request.query_params.get("cursor") or None, clock.now()
    return renderer.page(
        request,
        "console/templates/court.html",
        page=await queries.queue(actor, is_over=is_over, cursor=cursor, now=now),
        alarms=await queries.alarms(actor, now=now),
        agents={agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        is_over=is_over,
        **await frame(request, actor),
    )


@get("/console/court/{case_id:uuid}")
async def one_case(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Show a case with evidence and trace."""
    return await _one(request, actor, renderer, case_id, Problem())


async def _one(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, case_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a case."""
    case = await queries.case(actor, case_id, now=clock.now())
    return renderer.page(
        request,
        "console/templates/case.html",
        status=wrong.status,
        case=case,
        parties=[(str(party.registration_id), party.label) for party in case.parties],
        named=next((str(party.registration_id) for party in case.parties if party.has_word), ""),
        colours=REGISTRATION_COLOURS,
        made=clock.from_ms,
        chinese=forms.words_of(request).language.startswith("zh"),
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/console/court/{case_id:uuid}/word", status_code=200)
async def hear(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Note whom the customer itself has named."""
    given = await forms.texts(request, "registration_id")
    try:
        await service.hear(actor, case_id, forms.taken(given, Word), now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, case_id, said(request, refusal))
    return forms.go(f"/console/court/{case_id}", "word_noted")


@post("/console/court/{case_id:uuid}/verdict", status_code=200)
async def rule(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Decide by the rules, or otherwise with a reason."""
    given = await forms.texts(request, "winner_id", "reason")
    try:
        asked = forms.taken({name: text for name, text in given.items() if text}, NewVerdict)
        await service.rule(actor, case_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _one(request, actor, renderer, case_id, said(request, refusal))
    return forms.go(f"/console/court/{case_id}", "case_ruled")
