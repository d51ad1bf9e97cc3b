"""Records of custom objects: the list of an object's, and the form of one."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.customers import own
from partner_portal.customers.detail import base_of
from partner_portal.customers.record import spoken
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers.custom import queries as customs
from server.customers.objects.queries import objects, records
from server.customers.objects.schemas import (
    NewRecord,
    ObjectView,
    RecordEdit,
    RecordFilters,
    RecordView,
)
from server.customers.objects.service import exports
from server.customers.objects.service import records as service
from server.customers.objects.service.exports import Words
from server.customers.schemas import CustomerDetail
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.kit.sheets import CSV, attached

_COLUMNS_MAX: Final = 8
"""Fields that a list shows beside title and customer."""


@get("/objects/{object_id:uuid}")
async def record_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, object_id: FromPath[UUID]
) -> Response[Any]:
    """List an object's records within sight, narrowed by a word and by a value."""
    asked = request.query_params
    held = await objects.one(actor, object_id)
    fields = await customs.definitions(actor, "custom_record", object_id)
    language = spoken(forms.words_of(request))
    name, _, value = asked.get("own", "").partition(":")
    narrowed = {
        "object_id": str(object_id),
        "q": asked.get("q", "").strip() or None,
        "custom": {name: value} if name and value else {},
    }
    filters = forms.taken(narrowed, RecordFilters)
    allowed = ROLE_PERMISSIONS[actor.role]
    return renderer.page(
        request,
        "objects/templates/records.html",
        object=held,
        fields=fields[:_COLUMNS_MAX],
        page=await records.list_page(actor, filters, cursor=asked.get("cursor")),
        choices=own.choices(fields, language),
        own=f"{name}:{value}" if value else "",
        q=asked.get("q", ""),
        said=lambda field, held: own.said(fields, field, held, language),
        spoken=language,
        may_manage=Permission.FIELDS_MANAGE in allowed,
        may_export=Permission.CUSTOMERS_EXPORT in allowed,
        may_import=Permission.CUSTOMERS_IMPORT in allowed,
        **await frame(request, actor),
    )


@get("/objects/{object_id:uuid}/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(actor: CurrentActor, object_id: FromPath[UUID]) -> Stream:
    """Give an object's records within sight as a sheet, its columns in Chinese."""
    blocks = await exports.as_csv(actor, object_id, Words.ZH, now=clock.now())
    return Stream(blocks, media_type=CSV, headers=attached("records.csv"))


class _Draft(msgspec.Struct, frozen=True):
    """A record, new or held, and what its form says of it."""

    of: ObjectView
    customer_id: UUID
    given: dict[str, str]
    held: RecordView | None = None

    @property
    def at(self) -> str:
        """Say where the form is sent."""
        if self.held is None:
            return f"/customers/{self.customer_id}/records/{self.of.id}/new"
        return f"/records/{self.held.id}"


@get("/customers/{customer_id:uuid}/records/{object_id:uuid}/new")
async def new_record(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    object_id: FromPath[UUID],
) -> Response[Any]:
    """Show an empty form for a record of a customer."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    of = await objects.one(actor, object_id)
    fields = await customs.definitions(actor, "custom_record", object_id)
    given = {"id": str(ids.new_id(clock.now())), "title": "", "store_id": ""}
    given |= {each.name: "" for each in fields}
    return await _form(request, actor, renderer, _Draft(of, customer_id, given), Problem())


@post("/customers/{customer_id:uuid}/records/{object_id:uuid}/new", status_code=200)
async def add_record(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    object_id: FromPath[UUID],
) -> Response[Any]:
    """Add a record to a customer; sending twice makes one."""
    of = await objects.one(actor, object_id)
    fields = await customs.definitions(actor, "custom_record", object_id)
    given = await forms.texts(request, "id", "title", "store_id")
    given |= own.given(await request.form(), fields)
    try:
        wanted: dict[str, Any] = {name: given[name] or None for name in ("id", "store_id")}
        custom = own.taken(given, fields)
        wanted |= {"object_id": str(object_id), "title": given["title"], "custom": custom}
        await service.add(actor, customer_id, forms.taken(wanted, NewRecord), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, _Draft(of, customer_id, given), wrong)
    return forms.go(f"/customers/{customer_id}", "record_added")


@get("/records/{record_id:uuid}")
async def held_record(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, record_id: FromPath[UUID]
) -> Response[Any]:
    """Show a record to be changed."""
    held = await records.one(actor, record_id)
    of = await objects.one(actor, held.object_id)
    fields = await customs.definitions(actor, "custom_record", held.object_id)
    given = {"title": held.title, "store_id": str(held.store_id or ""), "base": str(held.seq)}
    given |= {each.name: own.typed(each, held.custom.get(each.name)) for each in fields}
    draft = _Draft(of, held.customer_id, given, held)
    return await _form(request, actor, renderer, draft, Problem())


@post("/records/{record_id:uuid}", status_code=200)
async def change_record(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, record_id: FromPath[UUID]
) -> Response[Any]:
    """Save what is different; a value that somebody else wrote meanwhile is kept as a conflict."""
    held = await records.one(actor, record_id)
    fields = await customs.definitions(actor, "custom_record", held.object_id)
    given = await forms.texts(request, "title", "store_id", "base")
    given |= own.given(await request.form(), fields)
    touched = [
        each for each in fields if given[each.name] != own.typed(each, held.custom.get(each.name))
    ]
    changed: dict[str, Any] = {}
    if given["title"] != held.title:
        changed["title"] = given["title"]
    if given["store_id"] != str(held.store_id or ""):
        changed["store_id"] = given["store_id"] or None
    try:
        if touched:
            changed["custom"] = own.taken(given, touched)
        edit = forms.taken(changed | {"base": base_of(given["base"]) or None}, RecordEdit)
        if changed:
            await service.edit(actor, record_id, edit, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        of = await objects.one(actor, held.object_id)
        draft = _Draft(of, held.customer_id, given, held)
        return await _form(request, actor, renderer, draft, wrong)
    return forms.go(f"/customers/{held.customer_id}", "record" if changed else "")


@post("/records/{record_id:uuid}/removal", status_code=HTTPStatus.SEE_OTHER)
async def remove_record(actor: CurrentActor, record_id: FromPath[UUID]) -> Response[Any]:
    """Delete a record; the toast brings it back."""
    held = await records.one(actor, record_id)
    await service.delete(actor, record_id, base=None, now=clock.now())
    undo = f"/records/{record_id}/restoration"
    return forms.go(f"/customers/{held.customer_id}", "record_removed", undo=undo)


@post("/records/{record_id:uuid}/restoration", status_code=HTTPStatus.SEE_OTHER)
async def restore_record(actor: CurrentActor, record_id: FromPath[UUID]) -> Response[Any]:
    """Bring a deleted record back."""
    await service.restore(actor, record_id, now=clock.now())
    held = await records.one(actor, record_id)
    return forms.go(f"/customers/{held.customer_id}", "undone")


async def _form(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, draft: _Draft, wrong: Problem
) -> Response[Any]:
    """Draw the form of a record."""
    found: CustomerDetail = await customers.detail(actor, draft.customer_id)
    fields = await customs.definitions(actor, "custom_record", draft.of.id)
    language = spoken(forms.words_of(request))
    return renderer.page(
        request,
        "objects/templates/record.html",
        status=wrong.status,
        object=draft.of,
        customer=found.customer,
        stores=[(str(each.id), each.name or each.address or "…") for each in found.stores],
        held=draft.held,
        at=draft.at,
        given=draft.given,
        wrong=wrong,
        may_write=objects.may_write(actor, draft.of),
        **own.drawn(fields, draft.given, language),
        **await frame(request, actor),
    )
