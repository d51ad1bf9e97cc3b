"""One agent in the console: tier, agreements, territories, on-boarding, sharing contract.

The page leaves a line in the agent's feed; the agent reads the same on its own page.
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.console.admission import TIERS
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.channel import queries as channel
from server.kit import clock, divisions, ids
from server.kit.calendars import ZONE
from server.kit.divisions import DivisionUnknown
from server.partners import queries, service
from server.partners.schemas import (
    FIELDS,
    NewAgreement,
    NewContract,
    NewTerritory,
    NewTier,
    TerritoryEnd,
    Tick,
)


@get("/console/agents/{agent_id:uuid}")
async def agent(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Show what is agreed with an agent."""
    return await _page(request, actor, renderer, agent_id, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, agent_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw the page; what is sent again keeps its id."""
    now = clock.now()
    words = forms.words_of(request)
    return renderer.page(
        request,
        "console/templates/agent.html",
        status=wrong.status,
        agent=await channel.agent(actor, agent_id, now=now),
        held=await queries.file(actor, agent_id, now=now),
        fields=FIELDS,
        tiers=[(tier, words.say(f"tier.{tier}")) for tier in TIERS],
        may_manage=Permission.AGENTS_ADMIT in ROLE_PERMISSIONS[actor.role],
        today=now.astimezone(ZONE).date().isoformat(),
        new_id=ids.new_id(now),
        chinese=words.language.startswith("zh"),
        wrong=wrong,
        **await frame(request, actor),
    )


def _drawn(request: AnyRequest, actor: Actor, renderer: TheRenderer, agent_id: UUID) -> forms.Drawn:
    """Give what draws the page once more."""
    return lambda wrong: _page(request, actor, renderer, agent_id, wrong)


@post("/console/agents/{agent_id:uuid}/tier", status_code=200)
async def set_tier(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Let the agent have a tier from today on."""
    given = await forms.texts(request, "tier", "reason", "id")

    async def act() -> None:
        new = forms.taken(forms.filled(given), NewTier)
        await service.set_tier(actor, agent_id, new, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "tier"))


@post("/console/agents/{agent_id:uuid}/agreements", status_code=200)
async def record_agreement(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Write an agreement down."""
    names = ("id", "number", "title", "signed_on", "valid_from", "valid_until")
    given = await forms.texts(request, *names)

    async def act() -> None:
        new = forms.taken(forms.filled(given), NewAgreement)
        await service.record_agreement(actor, agent_id, new, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "agreement"))


@post("/console/agents/{agent_id:uuid}/territories", status_code=200)
async def grant_territory(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Let the agent work in a place, which is written as an address begins."""
    given = await forms.texts(request, "id", "place", "is_exclusive", "valid_from", "valid_until")

    async def act() -> None:
        terms: dict[str, Any] = forms.filled(given)
        terms |= {
            "agent_id": agent_id,
            "division": _division(terms.pop("place", "")),
            "is_exclusive": bool(given["is_exclusive"]),
        }
        await service.grant_territory(actor, forms.taken(terms, NewTerritory), now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "territory"))


def _division(place: str) -> str:
    """Find the one place that is written.

    :raises DivisionUnknown: none is called so, or several are.
    """
    found = divisions.locate(city=place)
    if found.code is None or not found.is_whole:
        raise DivisionUnknown("Write province, city and district.", field="division")
    return found.code


@post("/console/agents/{agent_id:uuid}/territories/{territory_id:uuid}/end", status_code=200)
async def end_territory(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    agent_id: FromPath[UUID],
    territory_id: FromPath[UUID],
) -> Response[Any]:
    """Let a territory end today, or on the day that is said."""
    given = await forms.texts(request, "valid_until")

    async def act() -> None:
        end = forms.taken(given, TerritoryEnd)
        await service.end_territory(actor, territory_id, end, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "territory_ended"))


@post("/console/agents/{agent_id:uuid}/onboarding/{step:str}", status_code=200)
async def tick(
    request: AnyRequest,
    actor: CurrentActor,
    agent_id: FromPath[UUID],
    step: FromPath[str],
) -> Response[Any]:
    """Say that a step is done, or not after all."""
    given = await forms.texts(request, "undone")
    if given["undone"]:
        await service.untick(actor, agent_id, step, now=clock.now())
    else:
        await service.tick(actor, agent_id, step, Tick(), now=clock.now())
    return _back(agent_id, "step")


@post("/console/agents/{agent_id:uuid}/contracts", status_code=200)
async def offer_contract(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Offer the agent another sharing contract."""
    form = await request.form()
    fields = [field for field in FIELDS if field in form.getall("fields", [])]

    async def act() -> None:
        version = forms.number(str(form.get("version", "")), "version")
        new = forms.taken({"version": version, "fields": fields}, NewContract)
        await service.offer_contract(actor, agent_id, new, now=clock.now())

    drawn = _drawn(request, actor, renderer, agent_id)
    return await forms.answered(request, act, drawn, _back(agent_id, "contract_offered"))


def _back(agent_id: UUID, done: str) -> Response[Any]:
    """Go back to the agent, saying what was done."""
    return forms.go(f"/console/agents/{agent_id}", done)
