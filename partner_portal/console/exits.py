"""An agent's exit in the console: opened, planned, looked at, carried out; each look is told."""

import secrets
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from partner_portal.sales.prices import said
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.exits import queries as exits
from server.exits import service
from server.exits.schemas import Seen
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.partners import queries as partners
from server.partners import service as agents
from server.partners.schemas import NewExit


@get("/console/agents/{agent_id:uuid}/exit")
async def agent_exit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Show an agent's exit, or how to open one."""
    return await _page(request, actor, renderer, agent_id, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, agent_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw the page."""
    now = clock.now()
    everybody = await partners.agents(actor)
    held = await partners.file(actor, agent_id, now=now)
    leaves = held.exit is not None and held.exit.holds
    return renderer.page(
        request,
        "console/templates/exit.html",
        status=wrong.status,
        agent=next(each for each in everybody if each.tenant_id == agent_id),
        plan=await exits.plan(actor, agent_id, now=now) if leaves else None,
        others=[(each.tenant_id, each.name) for each in everybody if each.tenant_id != agent_id],
        may_manage=Permission.AGENTS_ADMIT in ROLE_PERMISSIONS[actor.role],
        today=now.astimezone(ZONE).date().isoformat(),
        new_id=ids.new_id(now),
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/console/agents/{agent_id:uuid}/exit", status_code=200)
async def open_exit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Open the exit."""
    form = await request.form()
    given = {name: str(form.get(name, "")) for name in ("id", "reason", "last_day")}
    try:
        terms = {**given, "successor_ids": [each for each in form.getall("successors", []) if each]}
        new, key = forms.taken(terms, NewExit), secrets.token_bytes(32)
        await agents.open_exit(actor, agent_id, new, token_key=key, now=clock.now())
        await service.draw_up(actor, agent_id, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, agent_id, said(request, refusal))
    return _back(agent_id, "exit_opened")


@post("/console/agents/{agent_id:uuid}/exit/cancellation", status_code=200)
async def cancel_exit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Call the exit off."""
    try:
        await agents.cancel_exit(actor, agent_id, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, agent_id, said(request, refusal))
    return _back(agent_id, "exit_cancelled")


@post("/console/agents/{agent_id:uuid}/exit/plan", status_code=200)
async def draw_up(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Have the plan drawn up anew."""
    try:
        await service.draw_up(actor, agent_id, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, agent_id, said(request, refusal))
    return _back(agent_id, "exit_drawn")


@post("/console/agents/{agent_id:uuid}/exit/execution", status_code=200)
async def carry_out(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Have the plan that is shown carried out."""
    given = await forms.texts(request, "hash")
    try:
        await service.carry_out(actor, agent_id, forms.taken(given, Seen), now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, agent_id, said(request, refusal))
    return _back(agent_id, "exit_carried")


def _back(agent_id: UUID, done: str) -> Response[Any]:
    """Go back to the exit, saying what was done."""
    return forms.go(f"/console/agents/{agent_id}/exit", done)
