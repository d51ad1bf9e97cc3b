"""Change the customers that a list shows, or hand over those of a person; see it, undo it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.customers.fields import LEVELS, STATUSES
from partner_portal.customers.look import Look
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers.bulk import queries, service
from server.customers.bulk.schemas import BulkChange, NewBulkEdit, NewHandOver
from server.customers.schemas import Filters
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Refusal

_VALUES: Final = ("status", "level", "industry", "source", "owner_id")
_TAGS: Final = ("add_tags", "remove_tags")


@get("/bulk")
async def bulk_changes(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the bulk changes within sight, the newest first."""
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "bulk/templates/list.html",
        page=await queries.page(actor, cursor=cursor, limit=30),
        names=(await identity.directory(actor)).people,
        **await frame(request, actor),
    )


@get("/bulk/new")
async def new_bulk(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Ask what is to change for all customers that the list shows."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    given = dict.fromkeys((*_VALUES, *_TAGS), "") | {"id": str(ids.new_id(clock.now()))}
    look = Look.read(request.query_params)
    return await _edit_form(request, actor, renderer, look, given, Problem())


@post("/bulk/new", status_code=200)
async def add_bulk(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Change them; sending twice changes them once."""
    given = await forms.texts(request, "id", *_VALUES, *_TAGS)
    look = await Look.brought(request)
    try:
        wanted = NewBulkEdit(
            id=forms.given_id(given["id"]),
            filters=look.filters,
            change=forms.taken(_change(given), BulkChange),
        )
        done = await service.edit(actor, wanted, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _edit_form(request, actor, renderer, look, given, wrong)
    return forms.go(f"/bulk/{done.id}")


def _change(given: Mapping[str, str]) -> dict[str, Any]:
    """Give what was filled in; what was left empty stays as it is."""
    values: dict[str, Any] = {name: given[name] for name in _VALUES if given[name]}
    return values | {name: [given[name]] for name in _TAGS if given[name]}


async def _edit_form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    look: Look,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form, with how many customers it is about."""
    words = forms.words_of(request)
    directory = await identity.directory(actor)
    may_assign = Permission.CUSTOMERS_ASSIGN in ROLE_PERMISSIONS[actor.role]
    return renderer.page(
        request,
        "bulk/templates/edit.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        look=look,
        customers=(await customers.summary(actor, look.filters)).customers,
        statuses=[(status, words.say(f"status.{status}")) for status in STATUSES],
        levels=[(level, level) for level in LEVELS],
        tags=[(str(tag.id), tag.name) for tag in await customers.tags(actor)],
        people=directory.offered() if may_assign else [],
        **await frame(request, actor),
    )


@get("/people/{user_id:uuid}/hand-over")
async def new_hand_over(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, user_id: FromPath[UUID]
) -> Response[Any]:
    """Ask who gets a person's customers."""
    ensure(actor, Permission.CUSTOMERS_ASSIGN)
    given = {"id": str(ids.new_id(clock.now())), "reason": ""}
    return await _hand_over_form(request, actor, renderer, user_id, given, [], Problem())


@post("/people/{user_id:uuid}/hand-over", status_code=200)
async def hand_over(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, user_id: FromPath[UUID]
) -> Response[Any]:
    """Hand a person's customers over; sending twice does it once."""
    given = await forms.texts(request, "id", "reason")
    chosen = [str(each) for each in (await request.form()).getall("to_ids", [])]
    terms = {
        "id": given["id"] or None,
        "from_id": str(user_id),
        "to_ids": chosen,
        "reason": given["reason"] or None,
    }
    try:
        wanted = forms.taken(terms, NewHandOver)
        done = await service.hand_over(actor, wanted, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _hand_over_form(request, actor, renderer, user_id, given, chosen, wrong)
    return forms.go(f"/bulk/{done.id}")


async def _hand_over_form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    user_id: UUID,
    given: Mapping[str, str],
    chosen: list[str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the choice of colleagues, with how many customers it is about."""
    person = await identity.user(actor, user_id)
    filters = Filters(owner_id=user_id)
    colleagues = await identity.directory(actor)
    return renderer.page(
        request,
        "bulk/templates/hand_over.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        chosen=chosen,
        person=person,
        customers=(await customers.summary(actor, filters)).customers,
        people=[each for each in colleagues.offered() if each[0] != str(user_id)],
        **await frame(request, actor),
    )


@get("/bulk/{bulk_id:uuid}")
async def bulk_change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, bulk_id: FromPath[UUID]
) -> Response[Any]:
    """Show what was asked and what became of it, with those who could not take it."""
    return await _shown(request, actor, renderer, bulk_id, Problem())


@post("/bulk/{bulk_id:uuid}/undo", status_code=HTTPStatus.OK)
async def undo(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, bulk_id: FromPath[UUID]
) -> Response[Any]:
    """Bring back what stood before."""
    try:
        await service.undo(actor, bulk_id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _shown(request, actor, renderer, bulk_id, wrong)
    return forms.go(f"/bulk/{bulk_id}", "undone")


async def _shown(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, bulk_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw one bulk change."""
    return renderer.page(
        request,
        "bulk/templates/change.html",
        status=wrong.status,
        wrong=wrong,
        bulk=await queries.one(actor, bulk_id),
        refused=await queries.refused_by_name(actor, bulk_id),
        names=(await identity.directory(actor)).people,
        tags={tag.id: tag.name for tag in await customers.tags(actor)},
        **await frame(request, actor),
    )
