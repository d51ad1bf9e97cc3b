"""Benefits that look like fraud: what waits, why, and what somebody says who has looked at it."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.benefits.reviews import queries, service
from server.benefits.reviews.schemas import ReviewDecision
from server.kit import clock
from server.kit.errors import Refusal
from server.partners import queries as partners


@get("/console/reviews")
async def reviews(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List what waits to be looked at, the first due first, and what came of each signal."""
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "console/templates/reviews.html",
        page=await queries.reviews(actor, cursor=cursor, now=clock.now()),
        outcomes=await queries.outcomes(actor),
        names={agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        now=clock.now(),
        **await frame(request, actor),
    )


@get("/console/reviews/{issuance_id:uuid}")
async def review(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, issuance_id: FromPath[UUID]
) -> Response[Any]:
    """Show one of them to who decides about it."""
    return await _page(request, actor, renderer, issuance_id, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, issuance_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a review with its two answers."""
    return renderer.page(
        request,
        "console/templates/review.html",
        status=wrong.status,
        review=await queries.review(actor, issuance_id, now=clock.now()),
        names={agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        wrong=wrong,
        me=actor.user_id,
        now=clock.now(),
        may_decide=Permission.ISSUANCES_VOID in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


@post("/console/reviews/{issuance_id:uuid}/taking", status_code=200)
async def take(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, issuance_id: FromPath[UUID]
) -> Response[Any]:
    """Say that one looks at it."""
    try:
        await service.take(actor, issuance_id, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, issuance_id, said(request, refusal))
    return forms.go(f"/console/reviews/{issuance_id}", "review_taken")


@post("/console/reviews/{issuance_id:uuid}/decision", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, issuance_id: FromPath[UUID]
) -> Response[Any]:
    """Release or reject it with a reason that its agent reads."""
    try:
        given = forms.taken(await forms.texts(request, "verdict", "reason"), ReviewDecision)
        await service.decide(actor, issuance_id, given, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, issuance_id, said(request, refusal))
    return forms.go(f"/console/reviews/{issuance_id}", "review_decided")
