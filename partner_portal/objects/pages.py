"""The company's custom objects: list them, add one, change one, archive one."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.customers.record import spoken
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers.custom import queries as customs
from server.customers.objects.queries import objects as queries
from server.customers.objects.schemas import NewObject, ObjectEdit, ObjectView
from server.customers.objects.service import objects as service
from server.kit import clock, ids
from server.kit.errors import Refusal

_TEXTS: Final = ("name_zh", "name_en", "meaning", "title_zh", "title_en", "writers")
WRITERS: Final = ("everyone", "managers")


@get("/objects")
async def objects(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the custom objects, with the fields of each."""
    fields = await customs.definitions(actor, "custom_record")
    found = await queries.listed(actor)
    return renderer.page(
        request,
        "objects/templates/list.html",
        objects=found,
        fields_of={
            each.id: [one for one in fields if one.object_id == str(each.id)] for each in found
        },
        spoken=spoken(forms.words_of(request)),
        may_manage=Permission.FIELDS_MANAGE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


@get("/objects/new")
async def new_object(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form."""
    ensure(actor, Permission.FIELDS_MANAGE)
    given = dict.fromkeys(_TEXTS, "") | {"writers": WRITERS[0], "id": str(ids.new_id(clock.now()))}
    return await _form(request, actor, renderer, None, given, Problem())


@post("/objects/new", status_code=200)
async def add_object(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add an object; sending twice makes one."""
    given = await forms.texts(request, *_TEXTS, "id")
    try:
        wanted = given | {"id": given["id"] or None}
        made = await service.add(actor, forms.taken(wanted, NewObject), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, None, given, wrong)
    return forms.go(f"/objects/{made.id}/edit", "object_added")


@get("/objects/{object_id:uuid}/edit")
async def held_object(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, object_id: FromPath[UUID]
) -> Response[Any]:
    """Show an object to be changed, with its fields."""
    ensure(actor, Permission.FIELDS_MANAGE)
    held = await queries.one(actor, object_id)
    given = {name: str(getattr(held, name)) for name in _TEXTS}
    return await _form(request, actor, renderer, held, given, Problem())


@post("/objects/{object_id:uuid}/edit", status_code=200)
async def change_object(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, object_id: FromPath[UUID]
) -> Response[Any]:
    """Change what an object is called and means, and who writes it; records stay as they are."""
    given = await forms.texts(request, *_TEXTS)
    held = await queries.one(actor, object_id)
    try:
        await service.change(actor, object_id, forms.taken(given, ObjectEdit), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, held, given, wrong)
    return forms.go("/objects", "object")


@post("/objects/{object_id:uuid}/state", status_code=303)
async def archive_object(
    request: AnyRequest, actor: CurrentActor, object_id: FromPath[UUID]
) -> Response[Any]:
    """Archive an object, or take it back up; its records stay."""
    given = await forms.texts(request, "state")
    await service.change(actor, object_id, forms.taken(given, ObjectEdit), now=clock.now())
    said = "object_archived" if given["state"] == "archived" else "object_active"
    return forms.go("/objects", said)


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: ObjectView | None,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of an object; below one that is there, its fields."""
    fields = [] if held is None else await customs.fields(actor, "custom_record", held.id)
    return renderer.page(
        request,
        "objects/templates/form.html",
        status=wrong.status,
        held=None if held is None else msgspec.structs.asdict(held),
        given=given,
        fields=fields,
        writers=WRITERS,
        spoken=spoken(forms.words_of(request)),
        wrong=wrong,
        **await frame(request, actor),
    )
