"""The open conflicts within sight: both values, who wrote them, one tap to decide."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.customers.record import Teller
from partner_portal.formats import Formats
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock
from server.sync import queries, service


@get("/conflicts")
async def conflicts(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List what waits for a decision."""
    shown = await _shown(request, actor)
    if htmx.is_fragment(request):
        return renderer.page(request, "conflicts/templates/inbox.html", **shown)
    return renderer.page(
        request, "conflicts/templates/list.html", **shown, **await frame(request, actor)
    )


async def _shown(request: AnyRequest, actor: Actor) -> dict[str, Any]:
    """Gather the inbox."""
    words = forms.words_of(request)
    cursor = request.query_params.get("cursor") or None
    page = await queries.conflicts(actor, cursor=cursor)
    tags = {tag.id: tag.name for tag in await customers.tags(actor)}
    directory = await identity.directory(actor)
    return {
        "page": page,
        "teller": Teller(words, Formats(words, clock.now()), directory, tags),
        "may_write": Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
    }


@post("/conflicts/{conflict_id:uuid}", status_code=200)
async def settle(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, conflict_id: FromPath[UUID]
) -> Response[Any]:
    """Restore the value that was not kept, or be content with the one that was."""
    given = await forms.texts(request, "decision")
    is_restore = given["decision"] == "restore"
    await service.resolve(actor, conflict_id, is_restore=is_restore, now=clock.now())
    said = "restored" if is_restore else "kept"
    if not htmx.is_htmx(request):
        return forms.go("/conflicts", said)
    told = forms.words_of(request).say(f"saved.{said}")
    return renderer.page(
        request,
        "conflicts/templates/settled.html",
        status=HTTPStatus.OK,
        said=told,
        **await _shown(request, actor),
    )
