"""The company's teams: list them, add one, rename one."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.tenants import queries, service
from server.tenants.schemas import NewTeam, TeamChange

_NOTHING_WRONG: Final = Problem()


@get("/people/teams")
async def teams(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the teams, each with its name to be changed."""
    return await _page(request, actor, renderer)


@post("/people/teams", status_code=200)
async def add_team(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a team; sending twice makes one."""
    given = await forms.texts(request, "id", "name")
    try:
        new = forms.taken({name: text for name, text in given.items() if text}, NewTeam)
        await service.create_team(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, "", given["name"], wrong)
    return forms.go("/people/teams", "team_added")


@post("/people/teams/{team_id:uuid}", status_code=200)
async def rename_team(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, team_id: FromPath[UUID]
) -> Response[Any]:
    """Give a team another name."""
    given = await forms.texts(request, "name")
    try:
        change = forms.taken(given, TeamChange)
        await service.rename_team(actor, team_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, str(team_id), given["name"], wrong)
    return forms.go("/people/teams", "team")


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    at: str = "",
    typed: str = "",
    wrong: Problem = _NOTHING_WRONG,
) -> Response[Any]:
    """Draw the page.

    :param at: the team whose form was refused; empty for the form of a new one.
    """
    ensure(actor, Permission.USERS_MANAGE)
    return renderer.page(
        request,
        "people/templates/teams.html",
        status=wrong.status,
        teams=await queries.teams(actor),
        at=at,
        typed=typed,
        wrong=wrong,
        error=wrong.errors.get("name", wrong.said),
        new_id=str(ids.new_id(clock.now())),
        **await frame(request, actor),
    )
