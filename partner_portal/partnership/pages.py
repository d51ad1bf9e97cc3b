"""The partnership from the agent's side: the platform reads the very same in its console."""

from itertools import groupby
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.channel import queries as channel
from server.exits import queries as exits
from server.kit import clock
from server.kit.errors import Refusal
from server.partners import queries, service
from server.partners.schemas import FIELDS
from server.takeout import service as takeout


@get("/partnership")
async def partnership(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show tier, agreements, territories, on-boarding and contract, and what is seen by it."""
    return await _page(request, actor, renderer, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem
) -> Response[Any]:
    """Draw the page."""
    seen = await channel.released(actor)
    held = await queries.partnership(actor)
    leaves = held.exit is not None and held.exit.holds
    return renderer.page(
        request,
        "partnership/templates/partnership.html",
        status=wrong.status,
        held=held,
        leaving=await exits.own(actor) if leaves else None,
        looks=[(look, list(fields)) for look, fields in groupby(seen, lambda each: each.look)],
        is_owner=Permission.USERS_MANAGE in ROLE_PERMISSIONS[actor.role],
        fields=FIELDS,
        chinese=forms.words_of(request).language.startswith("zh"),
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/partnership/contracts/{version:int}/acceptance", status_code=200)
async def accept(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, version: FromPath[int]
) -> Response[Any]:
    """Let the contract on offer hold from now on."""
    try:
        await service.accept_contract(actor, version, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, said(request, refusal))
    return forms.go("/partnership", "contract_accepted")


@get("/partnership/takeout", media_type="application/zip", opt={"time_limit_s": None})
async def take_out(actor: CurrentActor) -> Stream:
    """Give the owner all data of the company as files with a manifest."""
    packed = await takeout.packed(actor, now=clock.now())
    return Stream(packed.pieces(), headers=packed.headers)
