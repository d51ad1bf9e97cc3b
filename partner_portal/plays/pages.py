"""List rules, switch them, and let systems outside tell of customers."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.plays.form import shown
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from server.access import Actor
from server.access.edge import CurrentActor
from server.automation.plays import queries, service
from server.automation.signals import queries as sources
from server.automation.signals import service as signals
from server.automation.signals.schemas import NewSignalSource, SignalSourceSaved
from server.customers.custom import queries as custom
from server.kit import clock, ids
from server.kit.errors import Refusal


@get("/plays")
async def plays(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the company's rules, and the systems that tell of customers."""
    return await _page(request, actor, renderer, Problem())


@post("/plays/{play_id:uuid}/switch", status_code=200)
async def switch(
    request: AnyRequest, actor: CurrentActor, play_id: FromPath[UUID]
) -> Response[Any]:
    """Let a rule act from now on, or no more."""
    given = await forms.texts(request, "is_on")
    is_on = given["is_on"] == "1"
    await service.switch(actor, play_id, is_on=is_on, now=clock.now())
    return forms.go("/plays", "play_on" if is_on else "play_off")


@post("/plays/sources", status_code=200)
async def open_source(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Let a system outside tell of customers, and show its secret this once."""
    given = await forms.texts(request, "id", "name", "account_field")
    try:
        new = forms.taken({name: text or None for name, text in given.items()}, NewSignalSource)
        made = await signals.open_source(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, wrong)
    return await _page(request, actor, renderer, Problem(), made)


@post("/plays/sources/{source_id:uuid}/closing", status_code=200)
async def close_source(actor: CurrentActor, source_id: FromPath[UUID]) -> Response[Any]:
    """Take nothing more from a source."""
    await signals.close_source(actor, source_id, now=clock.now())
    return forms.go("/plays", "source_closed")


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    wrong: Problem,
    made: SignalSourceSaved | None = None,
) -> Response[Any]:
    """Draw the list."""
    now = clock.now()
    language = str(language_of(request))
    named = await custom.definitions(actor, "customer")
    fields = {each.name: each.label(language) for each in named if each.is_unique}
    held = await queries.plays(actor, now=now)
    return renderer.page(
        request,
        "plays/templates/list.html",
        status=wrong.status,
        plays=[(each, shown(each)) for each in held],
        sources=await sources.sources(actor),
        new_id=str(ids.new_id(now)),
        fields=fields,
        made=made,
        wrong=wrong,
        **await frame(request, actor),
    )
