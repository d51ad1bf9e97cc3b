"""Admit an agent, and hand on the invitation with which its owner sets name and password."""

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
from server.identity.schemas import InvitationView
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.partners import queries, service
from server.partners.schemas import NewAgent

_FORM: Final = ("name", "short_name", "city", "tier", "owner_name", "owner_login")
TIERS: Final = ("bronze", "silver", "gold")


@get("/console/agents/new")
async def new_agent(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty form for an agent company."""
    ensure(actor, Permission.AGENTS_ADMIT)
    given = dict.fromkeys(_FORM, "") | {"tier": TIERS[0], "id": str(ids.new_id(clock.now()))}
    return await _form(request, actor, renderer, given, Problem())


@post("/console/agents/new", status_code=200)
async def admit(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Admit the agent and show the owner's invitation, once; sending twice admits one."""
    given = await forms.texts(request, *_FORM, "id")
    owner = {"name": given["owner_name"], "login": given["owner_login"] or None}
    terms: dict[str, Any] = {name: given[name] for name in ("name", "city", "tier")}
    terms |= {name: given[name] or None for name in ("id", "short_name")} | {"owner": owner}
    try:
        new = forms.taken(terms, NewAgent)
        agent = await service.admit(actor, new, now=clock.now())
        made = await service.invite_owner(actor, agent.tenant_id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, given, wrong)
    return await _invitation(request, actor, renderer, given["owner_name"], made)


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form."""
    words = forms.words_of(request)
    errors = {_PLACES.get(name, name): said for name, said in wrong.errors.items()}
    return renderer.page(
        request,
        "console/templates/admit.html",
        status=wrong.status,
        given=given,
        said=wrong.said,
        errors=errors,
        tiers=[(tier, words.say(f"tier.{tier}")) for tier in TIERS],
        **await frame(request, actor),
    )


_PLACES: Final = {"owner.name": "owner_name", "owner.login": "owner_login", "login": "owner_login"}
"""Where the form has what the request calls so."""


async def _invitation(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    name: str,
    made: InvitationView,
) -> Response[Any]:
    """Show a code that is never shown again."""
    return renderer.page(
        request,
        "people/templates/invitation.html",
        headers={"Cache-Control": "no-store"},
        name=name,
        back="/console/agents",
        made=made,
        **await frame(request, actor),
    )


@post("/console/agents/{agent_id:uuid}/owner-invitation", status_code=200)
async def invite_owner(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Invite an owner again, who has not joined yet."""
    ensure(actor, Permission.AGENTS_ADMIT)
    agent = await queries.agent(actor, agent_id)
    made = await service.invite_owner(actor, agent_id, now=clock.now())
    return await _invitation(request, actor, renderer, agent.name, made)
