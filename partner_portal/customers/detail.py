"""One customer: the page, and every change that can be made on it.

A change is the same mutation that a phone would send. It carries the sequence at which the person
saw the record; when somebody else wrote the field meanwhile, both values are shown and the person
decides.
"""

from http import HTTPStatus
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from partner_portal import failures, forms, htmx
from partner_portal.customers import own, record
from partner_portal.customers.fields import (
    BY_NAME,
    LEVELS,
    STATUSES,
    Field,
    NotANumber,
    read,
    typed,
)
from partner_portal.formats import Formats
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import Catalogue, catalogue
from server.access import ROLE_PERMISSIONS, Permission
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers import service
from server.customers.custom import queries as customs
from server.customers.schemas import CustomerEdit, NewContact, NewNote, NewStore
from server.kit import clock
from server.kit.errors import Invalid, NotFound, Refusal
from server.problems import status_of
from server.sync import service as sync

T = TypeVar("T")

_CELL: Final = "customers/templates/cell.html"
_EDITOR: Final = "customers/templates/editor.html"


def _words(request: AnyRequest) -> tuple[Catalogue, Formats]:
    """Give the reader's words and formats."""
    words = catalogue(language_of(request))
    return words, Formats(words, clock.now())


@get("/customers/{customer_id:uuid}")
async def detail(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show one customer; only its body when the page refreshes itself."""
    try:
        shown = await record.facts(actor, customer_id, *_words(request))
    except NotFound:
        return await _in_part(request, actor, renderer, customer_id)
    if htmx.is_fragment(request):
        return renderer.page(request, "customers/templates/record.html", **shown)
    return renderer.page(
        request, "customers/templates/detail.html", **shown, **await frame(request, actor)
    )


async def _in_part(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: UUID
) -> Response[Any]:
    """Show what another team lets see of its customer, or that one was deleted.

    :raises NotFound: there never was such a customer within sight.
    """
    try:
        shown = await record.in_part(actor, customer_id, *_words(request))
    except NotFound:
        return await _deleted(request, actor, renderer, customer_id)
    return renderer.page(
        request, "customers/templates/shared.html", **shown, **await frame(request, actor)
    )


async def _deleted(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: UUID
) -> Response[Any]:
    """Offer to bring a deleted customer back.

    :raises NotFound: there never was such a customer within sight.
    """
    held = await customers.one(actor, customer_id, with_deleted=True)
    return renderer.page(
        request,
        "customers/templates/deleted.html",
        status=HTTPStatus.GONE,
        customer=held,
        may_write=Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


def _field(name: str) -> Field:
    """Find a field by its name in the address."""
    if name not in BY_NAME:
        raise NotFoundException
    return BY_NAME[name]


@get("/customers/{customer_id:uuid}/cells/{name:str}")
async def cell(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    name: FromPath[str],
) -> Response[Any]:
    """Show one value, or with `?edit=1` its editor."""
    field = _field(name)
    shown = await record.facts(actor, customer_id, *_words(request))
    shown |= {"field": field}
    if request.query_params.get("edit") != "1":
        return renderer.page(request, _CELL, **shown)
    value = typed(field, getattr(shown["customer"], name))
    return renderer.page(request, _EDITOR, **shown, **_editor(shown["customer"].seq, value))


def _editor(base: int, value: str) -> dict[str, Any]:
    """Give what an editor shows when nothing is wrong."""
    return {
        "base": base,
        "typed": value,
        "error": "",
        "held": None,
        "statuses": STATUSES,
        "levels": LEVELS,
    }


@post("/customers/{customer_id:uuid}/cells/{name:str}", status_code=200)
async def save_cell(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    name: FromPath[str],
) -> Response[Any]:
    """Save one value; refused when somebody else wrote it after the person saw it."""
    field = _field(name)
    form = await request.form()
    value, base = str(form.get(name, "")), base_of(form.get("base"))
    words, formats = _words(request)
    trouble = await _try_edit(actor, customer_id, {name: value}, base, words)
    shown = await record.facts(actor, customer_id, words, formats) | {"field": field}
    if trouble is None:
        return renderer.page(
            request, "customers/templates/cell_saved.html", **shown, said=words.say("saved.field")
        )
    held = trouble.held.get(name)
    shown |= _editor(trouble.seq or base, value)
    shown |= {
        "error": trouble.errors.get(name) or trouble.said,
        "held": shown["teller"].value(name, held) if trouble.is_stale else None,
    }
    return renderer.page(request, _EDITOR, status=trouble.status, **shown)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a form was not accepted."""

    status: int
    said: str
    errors: dict[str, str] = {}
    held: dict[str, Any] = {}
    is_stale: bool = False
    seq: int = 0


async def _try_edit(
    actor: CurrentActor, customer_id: UUID, given: dict[str, str], base: int, words: Catalogue
) -> Trouble | None:
    """Edit what was touched; say what is wrong when it is refused."""
    values, errors = read_all(given, words)
    if errors:
        return Trouble(status=HTTPStatus.UNPROCESSABLE_ENTITY, said="", errors=errors)
    terms = {**values, "base": base, "on_conflict": "refuse"}
    try:
        change = msgspec.convert(terms, CustomerEdit)
        await service.edit(actor, customer_id, change, now=clock.now())
    except (Refusal, msgspec.ValidationError) as error:
        return trouble(error, words)
    return None


def read_all(given: dict[str, str], words: Catalogue) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what was typed into each field; an amount that is none is an error of its field."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, text in given.items():
        try:
            values[name] = read(BY_NAME[name], text)
        except NotANumber:
            errors[name] = words.say("form.not_a_number")
        if BY_NAME[name].is_required and not text.strip():
            errors[name] = words.say("form.required")
    return values, errors


def trouble(error: Refusal | msgspec.ValidationError, words: Catalogue) -> Trouble:
    """Turn a refusal into what a form shows."""
    if isinstance(error, msgspec.ValidationError):
        name = str(error).partition("$.")[2].rstrip("`")
        said = words.say("refusal.bad_value")
        return Trouble(status=HTTPStatus.UNPROCESSABLE_ENTITY, said=said, errors={name: said})
    said = failures.sentence(words, error)
    stale = error.extra.get("fields", {}) if error.code == "stale" else {}
    return Trouble(
        status=status_of(error),
        said=said,
        errors={error.field: said} if error.field and not stale else {},
        held={name: pair["held"] for name, pair in stale.items()},
        is_stale=bool(stale),
        seq=error.extra.get("seq", 0),
    )


def taken(given: dict[str, Any], kind: type[T]) -> T:
    """Read what a form sent.

    :raises Invalid: naming the field that cannot be kept.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        field = str(error).partition("$.")[2].rstrip("`") or None
        raise Invalid("A value is not of the kind that its field takes.", field=field) from error


def base_of(sent: object) -> int:
    """Read the sequence that a form was made at; nonsense is as old as can be."""
    return forms.whole(str(sent or "")) or 0


@post("/customers/{customer_id:uuid}/notes", status_code=200)
async def add_note(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Write a note; it is never changed afterwards."""
    form = await request.form()
    body = str(form.get("body", "")).strip()
    if body:
        note = taken({"body": body}, NewNote)
        await service.add_note(actor, customer_id, note, now=clock.now())
    return await _again(request, actor, renderer, customer_id, "saved.note" if body else "")


@post("/customers/{customer_id:uuid}/{kind:str}/new", status_code=200)
async def add_child(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    kind: FromPath[Literal["contacts", "stores"]],
) -> Response[Any]:
    """Add a contact or a store."""
    form = await request.form()
    given: dict[str, Any] = {name: str(value).strip() or None for name, value in form.items()}
    subject = "contact" if kind == "contacts" else "store"
    own_fields = await customs.definitions(actor, subject)
    given["custom"] = own.taken(own.given(form, own_fields), own_fields)
    if kind == "contacts":
        given["name"] = given.get("name") or ""
        contact = taken(given, NewContact)
        await service.add_contact(actor, customer_id, contact, now=clock.now())
    else:
        store = taken(given, NewStore)
        await service.add_store(actor, customer_id, store, now=clock.now())
    return await _again(request, actor, renderer, customer_id, f"saved.{kind}")


@post("/customers/{customer_id:uuid}/tags", status_code=200)
async def change_tags(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Add a tag or take one away; both merge with what phones do meanwhile."""
    form = await request.form()
    terms = {key: [str(form[name])] for name, key in _TAG_FORMS.items() if form.get(name)}
    await service.edit(actor, customer_id, taken(terms, CustomerEdit), now=clock.now())
    return await _again(request, actor, renderer, customer_id, "saved.tags")


_TAG_FORMS: Final = {"add": "add_tags", "remove": "remove_tags"}


@post("/customers/{customer_id:uuid}/merges/{merge_id:uuid}/undoing", status_code=200)
async def undo_merge(
    actor: CurrentActor, customer_id: FromPath[UUID], merge_id: FromPath[UUID]
) -> Response[Any]:
    """Take a merge back, and say what of it stays here."""
    view = await sync.unmerge(actor, customer_id, merge_id, now=clock.now())
    said = "unmerged_but" if view.kept or view.stayed else "unmerged"
    return forms.go(f"/customers/{customer_id}", said)


@post("/customers/{customer_id:uuid}/conflicts/{conflict_id:uuid}", status_code=200)
async def settle(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: FromPath[UUID],
    conflict_id: FromPath[UUID],
) -> Response[Any]:
    """Restore the value that was not kept, or be content with the one that was."""
    is_restore = (await request.form()).get("decision") == "restore"
    await sync.resolve(actor, conflict_id, is_restore=is_restore, now=clock.now())
    said = "saved.restored" if is_restore else "saved.kept"
    return await _again(request, actor, renderer, customer_id, said)


@get("/customers/{customer_id:uuid}/history")
async def history(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Tell more of the history."""
    cursor = request.query_params.get("cursor")
    shown = await record.facts(actor, customer_id, *_words(request))
    page = await customers.history(actor, customer_id, cursor=cursor)
    said, written = record.sayings(shown["found"]), record.writings(shown["found"])
    shown["moments"] = [shown["teller"].moment(entry, said, written) for entry in page.items]
    shown["more_history"] = page.next_cursor
    return renderer.page(request, "customers/templates/moments.html", **shown)


async def _again(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    customer_id: UUID,
    said: str,
) -> Response[Any]:
    """Show the record as it stands now, with a toast; without htmx, the page itself again."""
    if not htmx.is_htmx(request):
        address = f"/customers/{customer_id}"
        return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})
    words, formats = _words(request)
    shown = await record.facts(actor, customer_id, words, formats)
    said = words.say(said) if said else ""
    return renderer.page(request, "customers/templates/record_saved.html", **shown, said=said)
