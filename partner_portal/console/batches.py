"""Batches of benefits: approve what is there, by its hash, or decline it with a reason."""

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
from server.benefits.batches import queries, service
from server.benefits.batches.schemas import Approval, BatchRefusal
from server.kit import clock
from server.kit.errors import Refusal
from server.partners import queries as partners


@get("/console/batches")
async def batches(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the batches of all agents, the newest first."""
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "console/templates/batches.html",
        page=await queries.submitted(actor, cursor=cursor, now=clock.now()),
        names={agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        **await frame(request, actor),
    )


@get("/console/batches/{batch_id:uuid}")
async def batch(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Show a batch to who decides about it."""
    return await _page(request, actor, renderer, batch_id, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, batch_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a batch with its two answers."""
    return renderer.page(
        request,
        "console/templates/batch.html",
        status=wrong.status,
        batch=await queries.submitted_one(actor, batch_id, now=clock.now()),
        names={agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        wrong=wrong,
        may_decide=Permission.BATCHES_APPROVE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


@post("/console/batches/{batch_id:uuid}/approval", status_code=200)
async def approve(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Approve what the page has shown."""
    given = await forms.texts(request, "content_hash")
    try:
        await service.approve(actor, batch_id, Approval(**given), now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, batch_id, said(request, refusal))
    return forms.go(f"/console/batches/{batch_id}", "batch_approved")


@post("/console/batches/{batch_id:uuid}/refusal", status_code=200)
async def refuse(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Decline a batch with a reason that its agent reads."""
    try:
        why = forms.taken(await forms.texts(request, "reason"), BatchRefusal)
        await service.refuse(actor, batch_id, why, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, batch_id, said(request, refusal))
    return forms.go(f"/console/batches/{batch_id}", "batch_refused")
