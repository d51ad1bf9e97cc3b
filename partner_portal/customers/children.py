"""Contacts and stores of a customer, changed or deleted one at a time; and the customer itself.

What was deleted here can be brought back: the toast offers it at once.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.customers import own, record
from partner_portal.customers.detail import base_of
from partner_portal.customers.fields import CONTACT, STORE, Field, typed
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries, service
from server.customers.custom import queries as customs
from server.customers.schemas import ContactEdit, ContactView, Saved, StoreEdit, StoreView
from server.kit import clock
from server.kit.errors import NotFound, Refusal
from sync_protocol.schema import CONTACT_ROLES, STANCES

Kind = Literal["contacts", "stores"]


class _Doing(msgspec.Struct, frozen=True):
    """What is done with one kind of record."""

    subject: str
    fields: tuple[Field, ...]
    change: type[ContactEdit] | type[StoreEdit]
    edit: Callable[..., Awaitable[Saved]]
    delete: Callable[..., Awaitable[Saved]]
    restore: Callable[..., Awaitable[Saved]]


_DOING: Final[dict[Kind, _Doing]] = {
    "contacts": _Doing(
        "contact",
        CONTACT,
        ContactEdit,
        service.edit_contact,
        service.delete_contact,
        service.restore_contact,
    ),
    "stores": _Doing(
        "store", STORE, StoreEdit, service.edit_store, service.delete_store, service.restore_store
    ),
}


@get("/customers/{customer_id:uuid}/{kind:str}/{record_id:uuid}")
async def child(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    kind: FromPath[Kind],
    record_id: FromPath[UUID],
) -> Response[Any]:
    """Show a contact or a store to be changed."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    held = await _held(actor, customer_id, kind, record_id)
    given = {field.name: typed(field, getattr(held, field.name)) for field in _DOING[kind].fields}
    own_fields = await customs.definitions(actor, _DOING[kind].subject)
    given |= {each.name: own.typed(each, held.custom.get(each.name)) for each in own_fields}
    given["base"] = str(held.seq)
    return await _form(request, actor, renderer, _Draft(customer_id, kind, held, given), Problem())


class _Draft(msgspec.Struct, frozen=True):
    """A contact or a store, and what its form says of it."""

    customer_id: UUID
    kind: Kind
    held: ContactView | StoreView
    given: dict[str, str]


async def _held(
    actor: Actor, customer_id: UUID, kind: Kind, record_id: UUID
) -> ContactView | StoreView:
    """Find the record among the customer's."""
    found = await queries.detail(actor, customer_id)
    records: list[ContactView] | list[StoreView] = (
        found.contacts if kind == "contacts" else found.stores
    )
    for one in records:
        if one.id == record_id:
            return one
    raise NotFound


@post("/customers/{customer_id:uuid}/{kind:str}/{record_id:uuid}", status_code=200)
async def change_child(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    kind: FromPath[Kind],
    record_id: FromPath[UUID],
) -> Response[Any]:
    """Save what is different; a value that somebody else wrote meanwhile is kept as a conflict."""
    doing = _DOING[kind]
    given = await forms.texts(request, *(field.name for field in doing.fields), "base")
    held = await _held(actor, customer_id, kind, record_id)
    own_fields = await customs.definitions(actor, doing.subject)
    given |= own.given(await request.form(), own_fields)
    touched = [
        each
        for each in own_fields
        if given[each.name] != own.typed(each, held.custom.get(each.name))
    ]
    changed: dict[str, Any] = {
        field.name: given[field.name] or (None if field.name != "name" else "")
        for field in doing.fields
        if given[field.name] != typed(field, getattr(held, field.name))
    }
    try:
        if touched:
            changed["custom"] = own.taken(given, touched)
        change = forms.taken(changed | {"base": base_of(given["base"]) or None}, doing.change)
        if changed:
            await doing.edit(actor, record_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        draft = _Draft(customer_id, kind, held, given)
        return await _form(request, actor, renderer, draft, wrong)
    return forms.go(f"/customers/{customer_id}", "record" if changed else "")


async def _form(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, draft: _Draft, wrong: Problem
) -> Response[Any]:
    """Draw the form of a contact or a store."""
    own_fields = await customs.definitions(actor, _DOING[draft.kind].subject)
    spoken = record.spoken(forms.words_of(request))
    return renderer.page(
        request,
        "customers/templates/child.html",
        status=wrong.status,
        customer_id=draft.customer_id,
        kind=draft.kind,
        held=draft.held,
        fields=_DOING[draft.kind].fields,
        given=draft.given,
        contact_roles=CONTACT_ROLES,
        stances=STANCES,
        wrong=wrong,
        **own.drawn(own_fields, draft.given, spoken),
        **await frame(request, actor),
    )


@post(
    "/customers/{customer_id:uuid}/{kind:str}/{record_id:uuid}/removal",
    status_code=HTTPStatus.SEE_OTHER,
)
async def remove_child(
    actor: CurrentActor,
    customer_id: FromPath[UUID],
    kind: FromPath[Kind],
    record_id: FromPath[UUID],
) -> Response[Any]:
    """Delete a contact or a store; the toast brings it back."""
    await queries.one(actor, customer_id)
    await _DOING[kind].delete(actor, record_id, base=None, now=clock.now())
    undo = f"/customers/{customer_id}/{kind}/{record_id}/restoration"
    return forms.go(f"/customers/{customer_id}", f"{kind}_removed", undo=undo)


@post(
    "/customers/{customer_id:uuid}/{kind:str}/{record_id:uuid}/restoration",
    status_code=HTTPStatus.SEE_OTHER,
)
async def restore_child(
    actor: CurrentActor,
    customer_id: FromPath[UUID],
    kind: FromPath[Kind],
    record_id: FromPath[UUID],
) -> Response[Any]:
    """Bring a deleted contact or store back."""
    await queries.one(actor, customer_id)
    await _DOING[kind].restore(actor, record_id, now=clock.now())
    return forms.go(f"/customers/{customer_id}", "undone")


@post("/customers/{customer_id:uuid}/removal", status_code=HTTPStatus.SEE_OTHER)
async def remove_customer(actor: CurrentActor, customer_id: FromPath[UUID]) -> Response[Any]:
    """Delete a customer with all that belongs to it; the toast brings it back."""
    await service.delete(actor, customer_id, base=None, now=clock.now())
    return forms.go("/customers", "removed", undo=f"/customers/{customer_id}/restoration")


@post("/customers/{customer_id:uuid}/restoration", status_code=HTTPStatus.SEE_OTHER)
async def restore_customer(actor: CurrentActor, customer_id: FromPath[UUID]) -> Response[Any]:
    """Bring a deleted customer back as it was."""
    await service.restore(actor, customer_id, now=clock.now())
    return forms.go(f"/customers/{customer_id}", "undone")
