"""Saved views of the list: open one by its link, save what is looked at, remove one."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from partner_portal import forms
from partner_portal.customers.look import Look
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.customers.views import queries, service
from server.customers.views.schemas import NewView
from server.kit import clock, ids
from server.kit.errors import Refusal


@get("/customers/views/{view_id:uuid}")
async def open_view(actor: CurrentActor, view_id: FromPath[UUID]) -> Redirect:
    """Open a view: the list as it was saved, of the customers within the reader's own sight."""
    view = await queries.one(actor, view_id)
    look = Look.of(view.look, me=actor.user_id)
    return Redirect(look.address(), status_code=303)


@get("/customers/views/new")
async def new_view(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the form that saves what is looked at."""
    look = Look.read(request.query_params)
    given = {"name": "", "audience": "own", "id": str(ids.new_id(clock.now())), "is_mine": ""}
    return await _form(request, actor, renderer, look, given)


@post("/customers/views/new", status_code=200)
async def save_view(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Save what is looked at under a name; sending twice makes one view."""
    look = await Look.brought(request)
    given = await forms.texts(request, "id", "name", "audience", "is_mine")
    form = await request.form()
    columns = [str(each) for each in form.getall("column", [])]
    saved = look.saved | {"columns": columns or None}
    if given["is_mine"]:
        saved |= {"is_mine": True, "owner_id": None}
    try:
        asked = {name: given[name] for name in ("id", "name", "audience")} | {"look": saved}
        view = await service.save(actor, forms.taken(asked, NewView), now=clock.now())
    except Refusal as refusal:
        return await _form(request, actor, renderer, look, given, refusal)
    opened = Look.of(view.look, me=actor.user_id).address(said="view_saved")
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": opened})


async def _form(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    look: Look,
    given: dict[str, str],
    refusal: Refusal | None = None,
) -> Response[Any]:
    """Draw the form, and the views that there are."""
    words = forms.words_of(request)
    wrong = forms.problem(refusal, words) if refusal else forms.Problem()
    return renderer.page(
        request,
        "customers/templates/views.html",
        status=wrong.status,
        look=look,
        given=given,
        wrong=wrong,
        views=await queries.views(actor),
        me=actor.user_id,
        **await frame(request, actor),
    )


@post("/customers/views/{view_id:uuid}/removal", status_code=HTTPStatus.SEE_OTHER)
async def remove_view(actor: CurrentActor, view_id: FromPath[UUID]) -> Response[Any]:
    """Remove a view."""
    await service.remove(actor, view_id)
    return forms.go("/customers/views/new", "view_removed")
