"""The company's pools for who manages them: add one, change one, take one away."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, Scope, ensure
from server.access.edge import CurrentActor
from server.customers.pools import queries, service
from server.customers.pools.schemas import NewPool, PoolEdit, PoolView
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.tenants import queries as tenants

_NUMBERS: Final = ("held_max", "picks_per_day", "views_per_day", "cooling_days", "warn_days")
_ALWAYS: Final = frozenset({"cooling_days", "warn_days"})
"""Numbers that are nought where nothing is said; the others are then without limit."""
RULES: Final = range(3)
"""So many recycle rules a form offers."""
_BLANK_RULE: Final = {"trigger": "", "days": "", "levels": []}


@get("/pools/new")
async def new_pool(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form."""
    given = {
        "id": str(ids.new_id(clock.now())),
        "name": "",
        # Who sees no more than a team decides about its own pool alone.
        "team_ids": [] if actor.scope is Scope.TENANT else [str(actor.team_id)],
        **dict.fromkeys(_NUMBERS, ""),
        "cooling_days": "30",
        "warn_days": "7",
        "rules": [],
    }
    return await _form(request, actor, renderer, None, given, Problem())


@post("/pools/new", status_code=200)
async def add_pool(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a pool; sending twice makes one."""
    given = await _given(request)
    try:
        new = forms.taken({"id": given["id"], **_values(given)}, NewPool)
        await service.create_pool(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, None, given, wrong)
    return forms.go("/pools", "pool_added")


@get("/pools/{pool_id:uuid}")
async def pool(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, pool_id: FromPath[UUID]
) -> Response[Any]:
    """Show a pool to be changed."""
    held = await queries.pool(actor, pool_id, now=clock.now())
    return await _form(request, actor, renderer, held, _shown(held), Problem())


def _shown(held: PoolView) -> dict[str, Any]:
    """Write a pool as its form shows it."""
    numbers = {name: getattr(held, name) for name in _NUMBERS}
    return {
        "name": held.name,
        "team_ids": [str(team) for team in held.team_ids],
        **{name: "" if value is None else str(value) for name, value in numbers.items()},
        "rules": [
            {"trigger": str(rule.trigger), "days": str(rule.days), "levels": list(rule.levels)}
            for rule in held.recycle_rules
        ],
    }


@post("/pools/{pool_id:uuid}", status_code=200)
async def change_pool(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, pool_id: FromPath[UUID]
) -> Response[Any]:
    """Change a pool to what the form says."""
    held = await queries.pool(actor, pool_id, now=clock.now())
    given = await _given(request)
    try:
        change = forms.taken(_values(given), PoolEdit)
        await service.edit_pool(actor, pool_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, held, given, wrong)
    return forms.go("/pools", "pool")


@post("/pools/{pool_id:uuid}/removal", status_code=200)
async def remove_pool(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, pool_id: FromPath[UUID]
) -> Response[Any]:
    """Take an empty pool away."""
    held = await queries.pool(actor, pool_id, now=clock.now())
    try:
        await service.delete_pool(actor, pool_id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, held, _shown(held), wrong)
    return forms.go("/pools", "pool_removed")


async def _given(request: AnyRequest) -> dict[str, Any]:
    """Read the form as texts."""
    form = await request.form()
    given: dict[str, Any] = await forms.texts(request, "id", "name", *_NUMBERS)
    given["team_ids"] = [str(each) for each in form.getall("team_ids", [])]
    given["rules"] = [
        {
            "trigger": str(form.get(f"trigger_{place}", "")),
            "days": str(form.get(f"days_{place}", "")).strip(),
            "levels": [str(each) for each in form.getall(f"levels_{place}", [])],
        }
        for place in RULES
    ]
    return given


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what the form says into what the service takes.

    :raises Invalid: a number is none.
    """
    numbers = {name: forms.number(given[name], name) for name in _NUMBERS}
    rules = [rule for rule in given["rules"] if rule["trigger"]]
    return {
        "name": given["name"],
        "team_ids": given["team_ids"],
        **{name: value or 0 if name in _ALWAYS else value for name, value in numbers.items()},
        "recycle_rules": [
            {**rule, "days": forms.number(rule["days"], f"recycle_rules[{place}].days")}
            for place, rule in enumerate(rules)
        ],
    }


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: PoolView | None,
    given: Mapping[str, Any],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a pool."""
    ensure(actor, Permission.POOLS_MANAGE)
    rules = [*given["rules"], *([_BLANK_RULE] * len(RULES))][: max(len(RULES), len(given["rules"]))]
    return renderer.page(
        request,
        "pools/templates/form.html",
        status=wrong.status,
        wrong=wrong,
        pool=held,
        given=given,
        rules=rules,
        teams=[(str(team.id), team.name) for team in await tenants.teams(actor)],
        levels=("A", "B", "C", "D"),
        **await frame(request, actor),
    )
