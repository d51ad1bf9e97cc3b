"""Saved views of lists: open one by its link, save what is looked at, remove one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from partner_portal import forms
from partner_portal.customers.look import COLUMNS
from partner_portal.customers.look import Look as CustomerLook
from partner_portal.deals.look import DealLook
from partner_portal.frame import frame
from partner_portal.leads.look import LeadLook
from partner_portal.looks import ListLook, address
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal
from server.views import queries, service
from server.views.schemas import NewView

_LOOKS: Final[Mapping[str, type[ListLook]]] = {
    look.LIST: look for look in (CustomerLook, DealLook, LeadLook)
}
_NAMES: Final = {"customers": "nav.customers", "deals": "deals.list", "leads": "nav.leads"}


@get("/views/{view_id:uuid}")
async def open_view(actor: CurrentActor, view_id: FromPath[UUID]) -> Redirect:
    """Open a view: the list as it was saved, of what lies within the reader's own sight."""
    view = await queries.one(actor, view_id)
    look = _LOOKS[str(view.look.__struct_config__.tag)].of(view.look, me=actor.user_id)
    return Redirect(look.address(), status_code=303)


@get("/views/new")
async def new_view(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the form that saves what is looked at."""
    look = _kind(request.query_params.get("list", CustomerLook.LIST)).read(request.query_params)
    given = {"name": "", "audience": "own", "id": str(ids.new_id(clock.now())), "is_mine": ""}
    return await _form(request, actor, renderer, look, given)


@post("/views/new", status_code=200)
async def save_view(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Save what is looked at under a name; sending twice makes one view."""
    given = await forms.texts(request, "id", "name", "audience", "is_mine", "list")
    kind = _kind(given["list"])
    look = await kind.brought(request)
    saved = look.saved
    if kind is CustomerLook:
        form = await request.form()
        columns = [str(each) for each in form.getall("column", [])]
        saved |= {"columns": columns or None}
    if given["is_mine"]:
        saved |= {"is_mine": True, kind.PERSON: None}
    try:
        asked = {name: given[name] for name in ("id", "name", "audience")} | {"look": saved}
        view = await service.save(actor, forms.taken(asked, NewView), now=clock.now())
    except Refusal as refusal:
        return await _form(request, actor, renderer, look, given, refusal)
    opened = kind.of(view.look, me=actor.user_id).address(said="view_saved")
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": opened})


def _kind(list_name: str) -> type[ListLook]:
    """Say how a list is looked at.

    :raises NotFound: there is no such list.
    """
    if list_name not in _LOOKS:
        raise NotFound(field="list")
    return _LOOKS[list_name]


async def _form(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    look: ListLook,
    given: dict[str, str],
    refusal: Refusal | None = None,
) -> Response[Any]:
    """Draw the form, and the views that there are of the list."""
    words = forms.words_of(request)
    wrong = forms.problem(refusal, words) if refusal else forms.Problem()
    return renderer.page(
        request,
        "views/templates/views.html",
        status=wrong.status,
        look=look,
        list_title=_NAMES[look.LIST],
        columns=COLUMNS if isinstance(look, CustomerLook) else (),
        given=given,
        wrong=wrong,
        views=await queries.views(actor, look.LIST),
        me=actor.user_id,
        **await frame(request, actor),
    )


@post("/views/{view_id:uuid}/removal", status_code=HTTPStatus.SEE_OTHER)
async def remove_view(actor: CurrentActor, view_id: FromPath[UUID]) -> Response[Any]:
    """Remove a view."""
    view = await queries.one(actor, view_id)
    await service.remove(actor, view_id, now=clock.now())
    left = {"list": str(view.look.__struct_config__.tag), "said": "view_removed"}
    headers = {"Location": address("/views/new", left)}
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers=headers)
