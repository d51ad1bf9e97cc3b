"""What agents ask the platform to help with: a queue that follows, answered on the same page.

The page shows what was written for the platform and never of whom; each look leaves a line in the
feed of each agent among them.
"""

from typing import Any
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import failures, forms, htmx
from partner_portal.formats import REQUEST_COLOURS, VERDICT_COLOURS
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.errors import NotFound, Refusal
from server.partners import queries as partners
from server.problems import status_of
from server.requests import queries, service
from server.requests.schemas import Answer


@get("/console/requests")
async def request_queue(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List what waits for the platform, the oldest first, or what is over."""
    ensure(actor, Permission.REQUESTS_ANSWER)
    return await _queue(request, actor, renderer)


async def _queue(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    *,
    wrong: str = "",
    status: int = 200,
) -> Response[Any]:
    """Draw the queue, or what follows of it."""
    is_over = request.query_params.get("view") == "over"
    cursor = request.query_params.get("cursor") or None
    page = await queries.queue(actor, is_over=is_over, cursor=cursor, now=clock.now())
    shown: dict[str, Any] = {
        "page": page,
        "is_over": is_over,
        "all": (await queries.platform_figures(actor))[0],
        "agents": {agent.tenant_id: agent.name for agent in await partners.agents(actor)},
        "colours": REQUEST_COLOURS,
        "verdict_colours": VERDICT_COLOURS,
        "wrong": wrong,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "console/templates/request_rows.html", **shown)
    return renderer.page(
        request,
        "console/templates/requests.html",
        status=status,
        **shown,
        **await frame(request, actor),
    )


@post("/console/requests/{dispatch_id:uuid}/answers", status_code=200)
async def answer_request(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, dispatch_id: FromPath[UUID]
) -> Response[Any]:
    """Accept, decline or complete a request; sending twice does it once."""
    given = await forms.texts(request, "verb", "text")
    values = {name: text for name, text in given.items() if text}
    values["id"] = str(uuid5(dispatch_id, f"{actor.user_id} {given['verb']} {given['text']}"))
    try:
        asked = forms.taken(values, Answer)
        answered = await service.answer(actor, dispatch_id, asked, now=clock.now())
    except NotFound:
        raise
    except Refusal as refusal:
        said = failures.sentence(forms.words_of(request), refusal)
        return await _queue(request, actor, renderer, wrong=said, status=status_of(refusal))
    return forms.go("/console/requests", f"request_{answered.state}")
