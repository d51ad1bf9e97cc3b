"""An agent's exit in the console: opened, planned, looked at, carried out; each look is told.

What is chosen of things, and which of them are shown, stands in the address.
"""

import secrets
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.exits import exports, service
from server.exits import queries as exits
from server.exits.schemas import FATES, KINDS, Choice, Seen, Wanted
from server.kit import clock, ids, sheets
from server.kit.calendars import ZONE
from server.kit.errors import Invalid
from server.kit.pages import PAGE_SIZE
from server.kit.sheets import CSV
from server.partners import queries as partners
from server.partners import service as agents
from server.partners.schemas import NewExit

_BY_RULE = "rule"
"""Of what is left to the rule again."""


@get("/console/agents/{agent_id:uuid}/exit")
async def agent_exit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Show an agent's exit, or how to open one."""
    return await _page(request, actor, renderer, agent_id, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, agent_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw the page, or the part of it that follows the worker."""
    now, query = clock.now(), request.query_params
    given = {name: query.get(name, "") for name in ("kind", "fate", "is_chosen")}
    everybody = await partners.agents(actor)
    held = await partners.file(actor, agent_id, now=now)
    leaves = held.exit is not None and held.exit.holds
    wanted, cursor = _wanted(given), query.get("cursor") or None
    shown: dict[str, Any] = {
        "agent": next(each for each in everybody if each.tenant_id == agent_id),
        "plan": await exits.plan(actor, agent_id, wanted, cursor=cursor, limit=PAGE_SIZE, now=now)
        if leaves
        else None,
        "may_manage": Permission.AGENTS_ADMIT in ROLE_PERMISSIONS[actor.role],
        "given": given,
        "query": urlencode(forms.filled(given)),
        "kinds": KINDS,
        "fates": FATES,
        "wrong": wrong,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "console/templates/exit_plan.html", **shown)
    return renderer.page(
        request,
        "console/templates/exit.html",
        status=wrong.status,
        others=[(each.tenant_id, each.name) for each in everybody if each.tenant_id != agent_id],
        today=now.astimezone(ZONE).date().isoformat(),
        new_id=ids.new_id(now),
        **shown,
        **await frame(request, actor),
    )


def _wanted(given: dict[str, str]) -> Wanted:
    """Read which rows are wanted; nonsense is none in particular."""
    try:
        filled = forms.filled(given) | {"is_chosen": bool(given["is_chosen"])}
        return forms.taken(filled, Wanted)
    except Invalid:
        return Wanted()


def _drawn(request: AnyRequest, actor: Actor, renderer: TheRenderer, agent_id: UUID) -> forms.Drawn:
    """Give what draws the page once more."""
    return lambda wrong: _page(request, actor, renderer, agent_id, wrong)


@get("/console/agents/{agent_id:uuid}/exit/plan.csv", media_type=CSV)
async def as_sheet(actor: CurrentActor, agent_id: FromPath[UUID]) -> Stream:
    """Give all rows of the plan, and behind its carrying out of the result, as a file."""
    return sheets.answer(await exports.for_platform(actor, agent_id, now=clock.now()), "exit.csv")


@post("/console/agents/{agent_id:uuid}/exit", status_code=200)
async def open_exit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Open the exit."""
    form = await request.form()
    given = {name: str(form.get(name, "")) for name in ("id", "reason", "last_day")}

    async def act() -> None:
        terms = {**given, "successor_ids": [each for each in form.getall("successors", []) if each]}
        new, key = forms.taken(terms, NewExit), secrets.token_bytes(32)
        await agents.open_exit(actor, agent_id, new, token_key=key, now=clock.now())
        await service.draw_up(actor, agent_id, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "exit_opened"))


@post("/console/agents/{agent_id:uuid}/exit/cancellation", status_code=200)
async def cancel_exit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Call the exit off."""

    async def act() -> None:
        await agents.cancel_exit(actor, agent_id, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "exit_cancelled"))


@post("/console/agents/{agent_id:uuid}/exit/return", status_code=200)
async def readmit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Let the agent come back."""

    async def act() -> None:
        await agents.readmit(actor, agent_id, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "exit_returned"))


@post("/console/agents/{agent_id:uuid}/exit/plan", status_code=200)
async def draw_up(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Have the plan drawn up anew."""

    async def act() -> None:
        await service.draw_up(actor, agent_id, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "exit_drawn"))


@post("/console/agents/{agent_id:uuid}/exit/choices", status_code=200)
async def choose(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Let something else become of one thing, by its own button, or of all that are marked."""
    form = await request.form()
    one, _, fate = str(form.get("one", "")).rpartition(":")
    things = [one] if one else [str(each) for each in form.getall("thing", [])]

    async def act() -> None:
        if not things:
            raise Invalid("Mark some rows first.", field="things")
        wanted = fate or str(form.get("fate", ""))
        choice = {
            "things": [
                dict(zip(("kind", "ref"), each.split(":"), strict=False)) for each in things
            ],
            "fate": None if wanted == _BY_RULE else wanted,
        }
        await service.choose(actor, agent_id, forms.taken(choice, Choice), now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    shown = forms.filled(await forms.texts(request, "kind", "fate_shown", "is_chosen"))
    return await forms.answered(request, act, drawn, _back(agent_id, "exit_chosen", **shown))


@post("/console/agents/{agent_id:uuid}/exit/execution", status_code=200)
async def carry_out(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Have the plan that is shown carried out."""
    given = await forms.texts(request, "hash")

    async def act() -> None:
        await service.carry_out(actor, agent_id, forms.taken(given, Seen), now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "exit_carried"))


def _back(agent_id: UUID, done: str, **shown: str) -> Response[Any]:
    """Go back to the exit, and what was shown of it, saying what was done."""
    answer = forms.go(f"/console/agents/{agent_id}/exit", done)
    if shown:
        shown["fate"] = shown.pop("fate_shown", "")
        answer.headers["Location"] += f"&{urlencode(forms.filled(shown))}"
    return answer
