"""The company's tags: list them, add one, change one, retire one."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.formats import COLOURS, ZONE
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries, service
from server.customers.schemas import NewTag, TagEdit, TagView
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal

_FORM: Final = ("name", "meaning", "colour", "owner_id", "expires_on")


@get("/tags")
async def tags(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the tags with their meaning, owner and end."""
    found = await queries.tags(actor)
    return renderer.page(
        request,
        "tags/templates/list.html",
        tags=found,
        today=_today(),
        names=(await identity.directory(actor)).people,
        may_add=Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
        mine={each.id for each in found if queries.may_write_tag(actor, each)},
        **await frame(request, actor),
    )


def _today() -> str:
    """Give today as tags write days."""
    return clock.now().astimezone(ZONE).date().isoformat()


@get("/tags/new")
async def new_tag(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show an empty form; a tag is its maker's unless said otherwise."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    given = dict.fromkeys(_FORM, "") | {"colour": COLOURS[0], "owner_id": str(actor.user_id)}
    given["id"] = str(ids.new_id(clock.now()))
    return await _form(request, actor, renderer, None, given, Problem())


@post("/tags/new", status_code=200)
async def add_tag(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Add a tag; sending twice makes one."""
    given = await forms.texts(request, *_FORM, "id")
    try:
        new = forms.taken(_values(given), NewTag)
        await service.create_tag(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, None, given, wrong)
    return forms.go("/tags", "tag_added")


def _values(given: dict[str, str]) -> dict[str, str]:
    """Leave out what was left empty, but the name and the meaning, which are asked for."""
    return {name: text for name, text in given.items() if text or name in {"name", "meaning"}}


@get("/tags/{tag_id:uuid}")
async def tag(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, tag_id: FromPath[UUID]
) -> Response[Any]:
    """Show a tag to be changed."""
    held = await _held(actor, tag_id)
    service.ensure_writes_tag(actor, held)
    given = {name: str(getattr(held, name) or "") for name in _FORM} | {"base": str(held.seq)}
    return await _form(request, actor, renderer, tag_id, given, Problem())


async def _held(actor: Actor, tag_id: UUID) -> TagView:
    """Find a tag among the company's."""
    for one in await queries.tags(actor):
        if one.id == tag_id:
            return one
    raise NotFound


@post("/tags/{tag_id:uuid}", status_code=200)
async def change_tag(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, tag_id: FromPath[UUID]
) -> Response[Any]:
    """Change what is different; what somebody else wrote in the meantime is merged."""
    given = await forms.texts(request, *_FORM, "base")
    held = await _held(actor, tag_id)
    touched: dict[str, Any] = {
        name: given[name] or None for name in _FORM if given[name] != str(getattr(held, name) or "")
    }
    # What must not be empty is refused as empty; without an owner that stays as it is.
    touched |= {name: given[name] for name in ("name", "meaning") if name in touched}
    if not given["owner_id"]:
        touched.pop("owner_id", None)
    try:
        change = forms.taken(touched, TagEdit)
        await service.edit_tag(actor, tag_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, tag_id, given, wrong)
    return forms.go("/tags", "tag")


@post("/tags/{tag_id:uuid}/removal", status_code=303)
async def remove_tag(actor: CurrentActor, tag_id: FromPath[UUID]) -> Response[Any]:
    """Retire a tag; customers that have it show it no longer."""
    await service.delete_tag(actor, tag_id, base=None, now=clock.now())
    return forms.go("/tags", "tag_removed")


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    tag_id: UUID | None,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a tag."""
    directory = await identity.directory(actor)
    return renderer.page(
        request,
        "tags/templates/form.html",
        status=wrong.status,
        tag_id=tag_id,
        given=given,
        wrong=wrong,
        people=directory.offered(given["owner_id"]),
        today=_today(),
        **await frame(request, actor),
    )
