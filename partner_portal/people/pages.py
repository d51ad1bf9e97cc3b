"""The people in one's charge: list them, add one, change one, let one go, invite one."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, Role, Scope, ensure
from server.access.edge import CurrentActor
from server.identity import queries, service
from server.identity.schemas import InvitationView, NewUser, UserChange, UserView
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.tenants import queries as tenants

_FORM: Final = ("name", "role", "team_id", "scope", "login")
_ROLES: Final = (Role.SALES_REP, Role.SALES_MANAGER, Role.AGENT_OWNER, Role.ANALYST)


@get("/people")
async def people(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the people in one's charge."""
    cursor = request.query_params.get("cursor") or None
    page = await queries.users(actor, cursor=cursor)
    shown: dict[str, Any] = {"page": page, "teams": await _team_names(actor), "now": clock.now()}
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "people/templates/rows.html", **shown)
    return renderer.page(
        request,
        "people/templates/list.html",
        manages=_manages(actor),
        **shown,
        **await frame(request, actor),
    )


def _manages(actor: Actor) -> bool:
    """Tell whether the person may change others, not only invite them."""
    return Permission.USERS_MANAGE in ROLE_PERMISSIONS[actor.role]


async def _team_names(actor: Actor) -> dict[UUID, str]:
    """Name the company's teams."""
    return {team.id: team.name for team in await tenants.teams(actor)}


@get("/people/new")
async def new_person(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form for somebody new."""
    ensure(actor, Permission.USERS_INVITE)
    given = dict.fromkeys(_FORM, "")
    given |= {"role": Role.SALES_REP.value, "scope": Scope.MINE.value}
    given |= {"team_id": str(actor.team_id or ""), "id": str(ids.new_id(clock.now()))}
    return await _add_form(request, actor, renderer, given, Problem())


@post("/people/new", status_code=200)
async def add_person(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add somebody and show the invitation, once; sending twice makes one person."""
    given = await forms.texts(request, *_FORM, "id")
    try:
        # What was left empty is left out, so that the role's own scope holds.
        new = forms.taken({name: text for name, text in given.items() if text}, NewUser)
        person = await service.invite(actor, new, now=clock.now())
        made = await service.new_invitation(actor, person.id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _add_form(request, actor, renderer, given, wrong)
    return await _invitation(request, actor, renderer, person, made)


async def _add_form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form for somebody new."""
    return renderer.page(
        request,
        "people/templates/new.html",
        status=wrong.status,
        given=given,
        wrong=wrong,
        choices=await _choices(request, actor),
        **await frame(request, actor),
    )


async def _choices(request: AnyRequest, actor: Actor) -> dict[str, list[tuple[str, str]]]:
    """Give what the actor may choose of: a manager adds reps of the own team."""
    words, is_owner = forms.words_of(request), _manages(actor)
    teams = [
        (str(id_), name)
        for id_, name in (await _team_names(actor)).items()
        if is_owner or id_ == actor.team_id
    ]
    roles = _ROLES if is_owner else (Role.SALES_REP,)
    scopes = tuple(Scope) if is_owner else (Scope.MINE, Scope.TEAM)
    return {
        "role": [(role.value, words.say(f"role.{role}")) for role in roles],
        "scope": [(scope.value, words.say(f"scope.{scope}")) for scope in scopes],
        "team": teams,
    }


async def _invitation(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    person: UserView,
    made: InvitationView,
) -> Response[Any]:
    """Show a code that is never shown again."""
    return renderer.page(
        request,
        "people/templates/invitation.html",
        headers={"Cache-Control": "no-store"},
        name=person.name,
        back=f"/people/{person.id}",
        made=made,
        **await frame(request, actor),
    )


@get("/people/{user_id:uuid}")
async def person(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, user_id: FromPath[UUID]
) -> Response[Any]:
    """Show one person: what they are, how they come in, and what can be done about it."""
    return await _person(request, actor, renderer, user_id, Problem())


@post("/people/{user_id:uuid}", status_code=200)
async def change_person(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, user_id: FromPath[UUID]
) -> Response[Any]:
    """Change name, role, team and scope."""
    given = await forms.texts(request, "name", "role", "team_id", "scope")
    terms = {**given, "team_id": given["team_id"] or None}
    try:
        change = forms.taken(terms, UserChange)
        await service.change_user(actor, user_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _person(request, actor, renderer, user_id, wrong, given)
    return forms.go(f"/people/{user_id}", "person")


async def _person(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    user_id: UUID,
    wrong: Problem,
    given: dict[str, str] | None = None,
) -> Response[Any]:
    """Draw the page of one person."""
    held = await queries.user(actor, user_id)
    return renderer.page(
        request,
        "people/templates/person.html",
        status=wrong.status,
        person=held,
        given=given or _given(held),
        wrong=wrong,
        manages=_manages(actor),
        may_assign=Permission.CUSTOMERS_ASSIGN in ROLE_PERMISSIONS[actor.role],
        is_self=held.id == actor.user_id,
        choices=await _choices(request, actor),
        now=clock.now(),
        **await frame(request, actor),
    )


def _given(held: UserView) -> dict[str, str]:
    """Write a person as the form holds one."""
    return {
        "name": held.name,
        "role": held.role.value,
        "team_id": str(held.team_id or ""),
        "scope": held.scope.value,
    }


@post("/people/{user_id:uuid}/invitation", status_code=200)
async def invite(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, user_id: FromPath[UUID]
) -> Response[Any]:
    """Invite a person, or let one who forgot set a new password; the code is shown once."""
    try:
        made = await service.new_invitation(actor, user_id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _person(request, actor, renderer, user_id, wrong)
    held = await queries.user(actor, user_id)
    return await _invitation(request, actor, renderer, held, made)


@post("/people/{user_id:uuid}/invitation/revocation", status_code=HTTPStatus.SEE_OTHER)
async def revoke_invitation(actor: CurrentActor, user_id: FromPath[UUID]) -> Response[Any]:
    """End an open invitation."""
    await service.revoke_invitation(actor, user_id, now=clock.now())
    return forms.go(f"/people/{user_id}", "invitation_revoked")


@post("/people/{user_id:uuid}/disabling", status_code=200)
async def disable(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, user_id: FromPath[UUID]
) -> Response[Any]:
    """Let a person go."""
    try:
        await service.disable_user(actor, user_id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _person(request, actor, renderer, user_id, wrong)
    return forms.go(f"/people/{user_id}", "disabled", undo=f"/people/{user_id}/enabling")


@post("/people/{user_id:uuid}/enabling", status_code=HTTPStatus.SEE_OTHER)
async def enable(actor: CurrentActor, user_id: FromPath[UUID]) -> Response[Any]:
    """Let a person come back."""
    await service.enable_user(actor, user_id, now=clock.now())
    return forms.go(f"/people/{user_id}", "enabled")
