"""Who of the company said of whom that nobody may call them: managers let it hold, or take it back.

A word closes a phone to every company of the channel: it has a name, and taking it back a reason.
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.customers.opt_outs import queries, service
from server.customers.opt_outs.schemas import TakenBack
from server.identity import queries as identity
from server.kit import clock
from server.kit.errors import Refusal

_PAGE = "/leads/opt-outs"


@get("/leads/opt-outs")
async def opt_outs(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List who said of whom that nobody may call them, the last first."""
    return await _page(request, actor, renderer, Problem())


@post("/leads/opt-outs/{word_id:uuid}/confirmation", status_code=200)
async def confirm(actor: CurrentActor, word_id: FromPath[UUID]) -> Response[Any]:
    """Let a word hold that waits."""
    await service.confirm(actor, word_id, now=clock.now())
    return forms.go(_PAGE, "opt_out_held")


@post("/leads/opt-outs/{word_id:uuid}/withdrawal", status_code=200)
async def take_back(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, word_id: FromPath[UUID]
) -> Response[Any]:
    """Take a word back, with the reason."""
    given = await forms.texts(request, "why")
    try:
        taken = forms.taken(given, TakenBack)
        await service.take_back(actor, word_id, taken, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, wrong, at=word_id)
    return forms.go(_PAGE, "opt_out_taken")


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    wrong: Problem,
    *,
    at: UUID | None = None,
) -> Response[Any]:
    """Draw the page; `wrong` belongs to the word that was about to be taken back."""
    return renderer.page(
        request,
        "leads/templates/opt_outs.html",
        status=wrong.status,
        page=await queries.words(actor, cursor=request.query_params.get("cursor") or None),
        people=(await identity.directory(actor)).people,
        wrong=wrong,
        at=at,
        **await frame(request, actor),
    )
