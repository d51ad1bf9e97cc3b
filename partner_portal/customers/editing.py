"""The forms of a whole customer: a new one, and one that is edited."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal.customers import own, record
from partner_portal.customers.detail import Trouble, base_of, read_all, trouble
from partner_portal.customers.fields import BY_NAME, CUSTOMER, LEVELS, STATUSES, typed
from partner_portal.formats import Formats
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import Catalogue, catalogue
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers import service
from server.customers.custom import queries as customs
from server.customers.schemas import CustomerEdit, Duplicate, Identity, NewCustomer
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Refusal

_FORM: Final = "customers/templates/form.html"


@get("/customers/new")
async def new_customer(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form; the customer will be the person's own unless said otherwise."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    own_fields = await customs.definitions(actor, "customer")
    given = {field.name: "" for field in CUSTOMER} | {each.name: "" for each in own_fields}
    given |= {"status": "potential", "owner_id": str(actor.user_id)}
    new_id = str(ids.new_id(clock.now()))
    return await _form(request, actor, renderer, Draft(given=given, new_id=new_id))


@post("/customers/new", status_code=200)
async def create(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Create a customer; when others look like it, ask first. Sending twice makes one."""
    words = catalogue(language_of(request))
    form = await request.form()
    own_fields = await customs.definitions(actor, "customer")
    given = {field.name: str(form.get(field.name, "")) for field in CUSTOMER}
    new_id = str(form.get("id", ""))
    values, errors = read_all(given, words)
    given |= own.given(form, own_fields)
    values["custom"], wrong = own.read_all(given, own_fields, words)
    errors |= wrong
    if errors:
        refused = Trouble(status=HTTPStatus.UNPROCESSABLE_ENTITY, said="", errors=errors)
        return await _form(
            request, actor, renderer, Draft(given=given, refused=refused, new_id=new_id)
        )
    try:
        if form.get("sure") != "1":
            wanted = {name: values[name] for name in ("name", "uscc", "phone")}
            alike = await service.find_duplicates(actor, msgspec.convert(wanted, Identity))
            if alike:
                draft = Draft(given=given, alike=alike, new_id=new_id)
                return await _form(request, actor, renderer, draft)
        new = msgspec.convert({**values, "id": new_id}, NewCustomer)
        made = await service.create(actor, new, now=clock.now())
    except (Refusal, msgspec.ValidationError) as error:
        refused = trouble(error, words)
        return await _form(
            request, actor, renderer, Draft(given=given, refused=refused, new_id=new_id)
        )
    return _go(f"/customers/{made.id}")


@get("/customers/{customer_id:uuid}/edit")
async def edit_form(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show a customer's fields to be edited together."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    customer = await customers.one(actor, customer_id)
    given = {field.name: typed(field, getattr(customer, field.name)) for field in CUSTOMER}
    given |= {
        each.name: own.typed(each, customer.custom.get(each.name))
        for each in await customs.definitions(actor, "customer")
    }
    draft = Draft(given=given, customer_id=customer_id, base=customer.seq)
    return await _form(request, actor, renderer, draft)


@post("/customers/{customer_id:uuid}/edit", status_code=200)
async def save(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Save the fields that were touched; a stale one is shown with both values."""
    words = catalogue(language_of(request))
    form = await request.form()
    own_fields = await customs.definitions(actor, "customer")
    given = {field.name: str(form.get(field.name, "")) for field in CUSTOMER}
    given |= own.given(form, own_fields)
    # A field counts as touched when it is not as the form came.
    shown = {name: str(form.get(f"was_{name}", "")) for name in given}
    touched = {name: text for name, text in given.items() if _lines(text) != _lines(shown[name])}
    base = base_of(form.get("base"))
    refused = await _try(actor, customer_id, touched, base, words)
    if refused is None:
        return _go(f"/customers/{customer_id}")
    draft = Draft(
        given=given,
        refused=refused,
        customer_id=customer_id,
        base=refused.seq or base,
        shown=shown,
    )
    return await _form(request, actor, renderer, draft)


async def _try(
    actor: Actor, customer_id: UUID, touched: dict[str, str], base: int, words: Catalogue
) -> Trouble | None:
    """Edit what was touched."""
    own_fields = await customs.definitions(actor, "customer")
    built_in = {name: text for name, text in touched.items() if name in BY_NAME}
    values, errors = read_all(built_in, words)
    custom, wrong = own.read_all(touched, own_fields, words)
    if errors | wrong:
        return Trouble(status=HTTPStatus.UNPROCESSABLE_ENTITY, said="", errors=errors | wrong)
    if not (values or custom):
        return None
    values["custom"] = custom
    try:
        terms = {**values, "base": base, "on_conflict": "refuse"}
        await service.edit(
            actor, customer_id, msgspec.convert(terms, CustomerEdit), now=clock.now()
        )
    except (Refusal, msgspec.ValidationError) as error:
        return trouble(error, words)
    return None


def _lines(text: str) -> str:
    """Compare texts whatever ends their lines: a form always sends CR LF."""
    return text.replace("\r\n", "\n").strip()


def _go(address: str) -> Response[Any]:
    """Go on to a page after something was done."""
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A form as it is to be drawn."""

    given: dict[str, str]
    refused: Trouble | None = None
    customer_id: UUID | None = None
    new_id: str = ""
    base: int = 0
    shown: dict[str, str] | None = None
    """What the fields held when the person first saw them; the same as given when left out."""
    alike: list[Duplicate] = []


async def _form(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, draft: Draft
) -> Response[Any]:
    """Draw the form, with what is wrong beside each field."""
    words = catalogue(language_of(request))
    directory = await identity.directory(actor)
    own_fields = await customs.definitions(actor, "customer")
    teller = record.Teller(words, Formats(words, clock.now()), directory, {}, own_fields)
    refused = draft.refused or Trouble(status=409 if draft.alike else 200, said="")
    return renderer.page(
        request,
        _FORM,
        status=refused.status,
        fields=CUSTOMER,
        own_fields=own_fields,
        offered={
            each.name: own.offered(each, draft.given[each.name], record.spoken(words))
            for each in own_fields
        },
        spoken=record.spoken(words),
        given=draft.given,
        shown=draft.shown or draft.given,
        errors=refused.errors,
        said="" if refused.errors else refused.said,
        held=refused.held,
        held_said={name: teller.value(name, value) for name, value in refused.held.items()},
        customer_id=draft.customer_id,
        new_id=draft.new_id,
        base=draft.base,
        alike=draft.alike,
        names=directory.people,
        choices={
            "status": [(value, words.say(f"status.{value}")) for value in STATUSES],
            "level": [(value, value) for value in LEVELS],
            "owner": directory.offered(draft.given.get("owner_id")),
        },
        **await frame(request, actor),
    )
