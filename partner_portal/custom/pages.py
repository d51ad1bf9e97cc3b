"""The company's custom fields: list them by the records that have them, add one, change one."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.customers.record import spoken
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers.custom import queries, service
from server.customers.custom.schemas import FieldEdit, FieldView, NewField
from server.customers.objects.queries import objects
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal

SUBJECTS: Final = ("customer", "store", "contact", "opportunity")
_OF_OBJECT: Final = "custom_record"
TYPES: Final = (
    *("text", "lines", "integer", "decimal", "date", "choice", "choices", "flag", "phone"),
)
CHOSEN: Final = frozenset({"choice", "choices"})
NUMBERS: Final = frozenset({"integer", "decimal"})
_TEXTS: Final = ("label_zh", "label_en", "meaning", "decimals", "minimum", "maximum")
_CHECKS: Final = ("is_required", "is_unique")
_BLANK_OPTIONS: Final = 3
"""Rows for further options that a form offers below those that are there."""
_OPTIONS_MAX: Final = 100


@get("/fields")
async def fields(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the custom fields, kind of record by kind of record."""
    found = await queries.fields(actor)
    return renderer.page(
        request,
        "custom/templates/list.html",
        groups=[
            (subject, called, [one for one in found if _subject_of(one) == subject])
            for subject, called in await _subjects(request, actor)
        ],
        has_any=bool(found),
        may_manage=Permission.FIELDS_MANAGE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


@get("/fields/new")
async def new_field(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form."""
    ensure(actor, Permission.FIELDS_MANAGE)
    subject = request.query_params.get("subject", "")
    given: dict[str, Any] = dict.fromkeys((*_TEXTS, *_CHECKS), "")
    known = [each for each, _ in await _subjects(request, actor)]
    given |= {"subject": subject if subject in known else SUBJECTS[0], "type": TYPES[0]}
    given |= {"id": str(ids.new_id(clock.now())), "options": []}
    return await _form(request, actor, renderer, None, given, Problem())


@post("/fields/new", status_code=200)
async def add_field(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a field; sending twice makes one."""
    given = await _given(request)
    try:
        new = forms.taken(_wanted(given, given["type"], _decimals(given)), NewField)
        await service.add(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, None, given, wrong)
    return forms.go("/fields", "field_added")


@get("/fields/{field_id:uuid}")
async def field(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, field_id: FromPath[UUID]
) -> Response[Any]:
    """Show a field to be changed."""
    ensure(actor, Permission.FIELDS_MANAGE)
    held = await queries.field(actor, field_id)
    given: dict[str, Any] = {name: str(getattr(held, name) or "") for name in _TEXTS}
    given |= {name: "1" if getattr(held, name) else "" for name in _CHECKS}
    for name in ("minimum", "maximum"):
        bound = getattr(held, name)
        given[name] = "" if bound is None else str(Decimal(bound).scaleb(-held.decimals))
    given["options"] = [
        {"id": str(each.id), "zh": each.zh, "en": each.en, "archived": each.archived}
        for each in held.options
    ]
    return await _form(request, actor, renderer, held, given, Problem())


@post("/fields/{field_id:uuid}", status_code=200)
async def change_field(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, field_id: FromPath[UUID]
) -> Response[Any]:
    """Change what a field is called, means and takes; values stay as they are."""
    given = await _given(request)
    held = await queries.field(actor, field_id)
    try:
        wanted = _wanted(given, held.type, held.decimals)
        for name in ("subject", "type", "decimals", "id"):
            wanted.pop(name, None)
        wanted.pop("object_id", None)
        await service.change(actor, field_id, forms.taken(wanted, FieldEdit), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, held, given, wrong)
    return forms.go("/fields", "custom_field")


@post("/fields/{field_id:uuid}/state", status_code=303)
async def archive_field(
    request: AnyRequest, actor: CurrentActor, field_id: FromPath[UUID]
) -> Response[Any]:
    """Archive a field, or take it back up; what was written into it stays."""
    state = (await forms.texts(request, "state"))["state"]
    edit = forms.taken({"state": state}, FieldEdit)
    await service.change(actor, field_id, edit, now=clock.now())
    return forms.go("/fields", "field_archived" if state == "archived" else "field_active")


async def _given(request: AnyRequest) -> dict[str, Any]:
    """Read the form as it was filled in."""
    names = ("subject", "type", "id", *_TEXTS, *_CHECKS)
    given: dict[str, Any] = {**await forms.texts(request, *names)}
    form = await request.form()
    given["options"] = []
    for at in range(_OPTIONS_MAX):
        if f"option_zh_{at}" not in form:
            break
        given["options"].append(
            {
                "id": str(form.get(f"option_id_{at}", "")),
                "zh": str(form[f"option_zh_{at}"]).strip(),
                "en": str(form.get(f"option_en_{at}", "")).strip(),
                "archived": form.get(f"option_archived_{at}") == "1",
            }
        )
    return given


def _wanted(given: dict[str, Any], type_: str, decimals: int) -> dict[str, Any]:
    """Say what the form asks for, in the words of the services."""
    wanted: dict[str, Any] = {
        name: given[name] for name in ("type", "label_zh", "label_en", "meaning")
    }
    wanted["subject"], _, object_id = given["subject"].partition(":")
    wanted["object_id"] = object_id or None
    wanted |= {name: given[name] == "1" for name in _CHECKS}
    wanted |= {"decimals": decimals, "id": given["id"] or None}
    if type_ in CHOSEN:
        wanted["options"] = [
            {**each, "id": each["id"] or None} for each in given["options"] if each["zh"]
        ]
    if type_ in NUMBERS:
        wanted |= {name: _bound(given, name, decimals) for name in ("minimum", "maximum")}
    return wanted


def _subject_of(field: FieldView) -> str:
    """Say of what records a field is, as the forms do: custom ones with their object."""
    return field.subject if field.object_id is None else f"{field.subject}:{field.object_id}"


async def _subjects(request: AnyRequest, actor: Actor) -> list[tuple[str, str]]:
    """Give of what records fields may be, and what each is called; the company's objects last."""
    words = forms.words_of(request)
    language, held = spoken(words), await objects.listed(actor)
    return [
        *((each, words.say(f"custom_of.{each}")) for each in SUBJECTS),
        *((f"{_OF_OBJECT}:{each.id}", each.name(language)) for each in held),
    ]


def _decimals(given: dict[str, Any]) -> int:
    """Read how many decimals a decimal number has: two, where nothing is said."""
    if given["type"] != "decimal":
        return 0
    text = given["decimals"] or "2"
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise Invalid("Give a number of decimals from 1 to 6.", field="decimals")
    return int(text)


def _bound(given: dict[str, Any], name: str, decimals: int) -> int | None:
    """Read a bound as a whole number of the last decimal."""
    if not given[name]:
        return None
    try:
        scaled = Decimal(given[name].replace(",", "")).scaleb(decimals)
        is_short = scaled.is_finite() and scaled.adjusted() < forms.DIGITS_MAX
        is_whole = is_short and scaled == scaled.to_integral_value()
    except ArithmeticError:
        is_whole = False
    if not is_whole:
        raise Invalid("Give a number with as many decimals as the field has.", field=name)
    return int(scaled)


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: FieldView | None,
    given: dict[str, Any],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a field, with rows for further options."""
    blank = {"id": "", "zh": "", "en": "", "archived": False}
    rows = [each for each in given["options"] if each["zh"]] + [blank] * _BLANK_OPTIONS
    return renderer.page(
        request,
        "custom/templates/form.html",
        status=wrong.status,
        held=held,
        given=given,
        type=held.type if held else given["type"],
        options=rows[:_OPTIONS_MAX],
        wrong=wrong,
        subjects=await _subjects(request, actor),
        subject=None if held is None else _subject_of(held),
        types=TYPES,
        **await frame(request, actor),
    )
