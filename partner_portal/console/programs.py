"""Benefit programs: open one with its budget, put money in, take out what is available."""

import secrets
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.customers.fields import Field, Input, NotANumber, read
from partner_portal.formats import ZONE
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.benefits import queries, service
from server.benefits.reviews import queries as reviews
from server.benefits.schemas import NewFunding, NewProgram
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal

_FORM: Final = ("name", "amount", "limit_per_customer", "opens_on", "closes_on", "budget")
_MONEY: Final = Field("amount", "banknote", Input.MONEY)
_PLACES: Final = {"amount_minor": "amount", "opens_at": "opens_on", "closes_at": "closes_on"}
"""Where the form has what the request calls so."""
_KEY_BYTES: Final = 32


@get("/console/programs/new")
async def new_program(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form; a program opens today unless said otherwise."""
    ensure(actor, Permission.PROGRAMS_MANAGE)
    now = clock.now()
    given = dict.fromkeys(_FORM, "") | {"limit_per_customer": "1", "id": str(ids.new_id(now))}
    given["opens_on"] = now.astimezone(ZONE).date().isoformat()
    return await _form(request, actor, renderer, given, Problem())


@post("/console/programs/new", status_code=200)
async def create(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Open a program and put its budget in; sending twice makes one."""
    given = await forms.texts(request, *_FORM, "id")
    try:
        program = forms.taken(_terms(given), NewProgram)
        budget = _money(given["budget"], "budget") if given["budget"] else None
        key = secrets.token_bytes(_KEY_BYTES)
        await service.create_program(actor, program, token_key=key, now=clock.now())
        if budget is not None:
            # An id that follows from the program's, so that sending twice funds once.
            funding = forms.taken(
                {"id": uuid5(program.id, "first budget"), "amount_minor": budget}, NewFunding
            )
            await service.fund(actor, program.id, funding, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, given, wrong)
    return forms.go("/console/issuances", "program_added")


def _terms(given: dict[str, str]) -> dict[str, Any]:
    """Turn the form into the request: yuan into fen, days into moments.

    :raises Invalid: naming the field that makes no sense.
    """
    limit = given["limit_per_customer"]
    terms: dict[str, Any] = {
        "id": given["id"] or ids.new_id(clock.now()),
        "name": given["name"],
        "amount_minor": _money(given["amount"], "amount"),
        "limit_per_customer": int(limit[:9]) if limit.isascii() and limit.isdigit() else None,
        "opens_at": _day(given["opens_on"], "opens_on"),
    }
    if given["closes_on"]:
        # The last day belongs to it.
        terms["closes_at"] = _day(given["closes_on"], "closes_on") + timedelta(days=1)
    return terms


def _money(text: str, field: str) -> int:
    """Read yuan as fen.

    :raises Invalid: when it is no amount.
    """
    try:
        minor = read(_MONEY, text)
    except NotANumber as error:
        raise Invalid("This is no amount.", field=field) from error
    if minor is None:
        raise Invalid("Give an amount.", field=field)
    return int(minor)


def _day(text: str, field: str) -> datetime:
    """Read a day as its first moment.

    :raises Invalid: when it is no day.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(), ZONE)
    except ValueError as error:
        raise Invalid("This is no day.", field=field) from error


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new program."""
    return renderer.page(
        request,
        "console/templates/program_new.html",
        status=wrong.status,
        given=given,
        said=wrong.said,
        errors={_PLACES.get(name, name): said for name, said in wrong.errors.items()},
        **await frame(request, actor),
    )


@get("/console/programs/{program_id:uuid}")
async def program(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, program_id: FromPath[UUID]
) -> Response[Any]:
    """Show where a program's budget stands, to put money in or take some out."""
    return await _budget(request, actor, renderer, program_id, "", Problem())


@post("/console/programs/{program_id:uuid}/funding", status_code=200)
async def fund(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, program_id: FromPath[UUID]
) -> Response[Any]:
    """Put money in, or take out what is available; sending twice does it once."""
    given = await forms.texts(request, "id", "amount", "direction")
    try:
        terms = {
            "id": given["id"] or ids.new_id(clock.now()),
            "amount_minor": _money(given["amount"], "amount"),
            "is_return": given["direction"] == "out",
        }
        funding = forms.taken(terms, NewFunding)
        await service.fund(actor, program_id, funding, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _budget(request, actor, renderer, program_id, given["amount"], wrong)
    return forms.go(f"/console/programs/{program_id}", "funded")


async def _budget(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    program_id: UUID,
    typed: str,
    wrong: Problem,
) -> Response[Any]:
    """Draw the budget of a program."""
    ensure(actor, Permission.PROGRAMS_MANAGE)
    errors = {_PLACES.get(name, name): said for name, said in wrong.errors.items()}
    return renderer.page(
        request,
        "console/templates/program.html",
        status=wrong.status,
        program=await queries.program(actor, program_id),
        guarded=await reviews.guards(actor, program_id),
        outcomes=await reviews.outcomes(actor, program_id=program_id),
        typed=typed,
        new_id=str(ids.new_id(clock.now())),
        error=errors.get("amount", wrong.said),
        **await frame(request, actor),
    )
