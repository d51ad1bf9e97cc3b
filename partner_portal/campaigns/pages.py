"""Campaigns: their plan, what they cost and brought, their public pages with QR, their review."""

import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import failures, forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal
from server.leads import queries, service
from server.leads.schemas import (
    CampaignEdit,
    CampaignView,
    NewCampaign,
    NewCost,
    NewForm,
    Review,
)

_TEXTS: Final = ("name", "starts_on", "ends_on", "area", "audience")
_NUMBERS: Final = ("planned_leads", "planned_signed")
_FORM: Final = (*_TEXTS, *_NUMBERS, "budget")
_TOKEN_BYTES: Final = 16


@get("/campaigns")
async def campaign_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the campaigns with their results, and what each source cost and brought by cohort."""
    campaigns = await queries.campaigns(actor)
    return renderer.page(
        request,
        "campaigns/templates/list.html",
        campaigns=campaigns,
        channels=await queries.channels(actor),
        funnels=(await queries.funnels(actor))[:12],
        sources=await _sources(actor),
        today=str(clock.now().date()),
        **await frame(request, actor),
    )


async def _sources(actor: Actor) -> dict[UUID, str]:
    """Give each source with those above it."""
    return {one.id: " / ".join(one.path) for one in await queries.sources(actor)}


@get("/campaigns/new")
async def new_campaign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show an empty plan."""
    given = dict.fromkeys((*_FORM, "source_id"), "") | {"id": str(ids.new_id(clock.now()))}
    return await _new(request, actor, renderer, given, Problem())


@post("/campaigns/new", status_code=200)
async def add_campaign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Plan a campaign; sending twice makes one."""
    given = await forms.texts(request, *_FORM, "id", "source_id")
    try:
        values = _values(given) | {"id": given["id"], "source_id": given["source_id"]}
        made = await service.add_campaign(actor, forms.taken(values, NewCampaign), now=clock.now())
    except Refusal as refusal:
        wrong = _problem(request, refusal)
        return await _new(request, actor, renderer, given, wrong)
    return forms.go(f"/campaigns/{made.id}", "campaign_added")


def _problem(request: AnyRequest, refusal: Refusal) -> Problem:
    """Say what is wrong beside the form's own field: a budget is written in yuan."""
    wrong = forms.problem(refusal, forms.words_of(request))
    named = {"budget_minor": "budget", "amount_minor": "amount"}
    errors = {named.get(field, field): said for field, said in wrong.errors.items()}
    return Problem(status=wrong.status, said=wrong.said, errors=errors)


def _values(given: Mapping[str, str]) -> dict[str, Any]:
    """Turn what a plan's form says into what the service takes.

    :raises Invalid: a number is none.
    """
    return {
        **{name: given[name] for name in _TEXTS},
        **{name: forms.number(given[name], name) for name in _NUMBERS},
        "budget_minor": forms.fen(given["budget"], "budget") or 0,
    }


async def _new(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new campaign."""
    ensure(actor, Permission.LEADS_MANAGE)
    sources = await queries.sources(actor)
    return renderer.page(
        request,
        "campaigns/templates/new.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        sources=[(str(one.id), " / ".join(one.path)) for one in sources if one.state == "active"],
        **await frame(request, actor),
    )


@get("/campaigns/{campaign_id:uuid}")
async def campaign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, campaign_id: FromPath[UUID]
) -> Response[Any]:
    """Show a campaign: its results, costs, public pages and plan."""
    return await _campaign(request, actor, renderer, campaign_id, Problem())


async def _campaign(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    campaign_id: UUID,
    wrong: Problem,
    given: Mapping[str, str] | None = None,
) -> Response[Any]:
    """Draw a campaign."""
    held = await queries.campaign(actor, campaign_id)
    now = clock.now()
    return renderer.page(
        request,
        "campaigns/templates/campaign.html",
        status=wrong.status,
        wrong=wrong,
        campaign=held,
        given={**_shown(held), **(given or {})},
        source=(await _sources(actor)).get(held.source_id, ""),
        costs=(await queries.costs(actor, campaign_id=campaign_id)).items,
        pages=await queries.forms(actor, campaign_id),
        names=(await identity.directory(actor)).people,
        new_ids=[str(ids.new_id(now)) for _ in range(2)],
        today=str(now.date()),
        **await frame(request, actor),
    )


def _shown(held: CampaignView) -> dict[str, str]:
    """Write a campaign's plan as its form shows it."""
    plain = {name: str(getattr(held, name) or "") for name in (*_TEXTS, *_NUMBERS)}
    budget = f"{held.budget_minor / forms.FEN:.2f}".removesuffix(".00")
    return {**plain, "budget": budget, "amount": "", "note": "", "title": "", "text": ""}


@post("/campaigns/{campaign_id:uuid}", status_code=200)
async def change_campaign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, campaign_id: FromPath[UUID]
) -> Response[Any]:
    """Change a campaign's plan to what the form says."""
    held = await queries.campaign(actor, campaign_id)
    sent = [name for name in _FORM if name in await request.form()]
    given = {**_shown(held), **await forms.texts(request, *sent)}
    try:
        change = forms.taken(_values(given), CampaignEdit)
        await service.change_campaign(actor, campaign_id, change, now=clock.now())
    except Refusal as refusal:
        wrong = _problem(request, refusal)
        return await _campaign(request, actor, renderer, campaign_id, wrong, given)
    return forms.go(f"/campaigns/{campaign_id}", "campaign")


@post("/campaigns/{campaign_id:uuid}/costs", status_code=200)
async def add_cost(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, campaign_id: FromPath[UUID]
) -> Response[Any]:
    """Enter what was spent; sending twice enters it once. A refund has a minus before it."""
    given = await forms.texts(request, "id", "amount", "spent_on", "note")
    try:
        amount = forms.fen(given["amount"].removeprefix("-")) or 0
        values = {
            "id": given["id"],
            "amount_minor": -amount if given["amount"].startswith("-") else amount,
            "spent_on": given["spent_on"],
            "note": given["note"],
            "campaign_id": campaign_id,
        }
        await service.add_cost(actor, forms.taken(values, NewCost), now=clock.now())
    except Refusal as refusal:
        wrong = _problem(request, refusal)
        return await _campaign(request, actor, renderer, campaign_id, wrong, given)
    return forms.go(f"/campaigns/{campaign_id}", "cost")


@post("/campaigns/{campaign_id:uuid}/pages", status_code=200)
async def add_page(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, campaign_id: FromPath[UUID]
) -> Response[Any]:
    """Open a public page on which people leave their phone; sending twice opens one."""
    given = await forms.texts(request, "id", "title")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    try:
        new = forms.taken(given, NewForm)
        await service.add_form(actor, campaign_id, new, token=token, now=clock.now())
    except Refusal as refusal:
        wrong = _problem(request, refusal)
        return await _campaign(request, actor, renderer, campaign_id, wrong, given)
    return forms.go(f"/campaigns/{campaign_id}", "lead_page")


@post("/campaigns/{campaign_id:uuid}/pages/{form_id:uuid}/closing", status_code=200)
async def close_page(
    actor: CurrentActor, campaign_id: FromPath[UUID], form_id: FromPath[UUID]
) -> Response[Any]:
    """Close a public page; its address leads nowhere from then on.

    :raises NotFound: it is none of this campaign's.
    """
    if all(page.id != form_id for page in await queries.forms(actor, campaign_id)):
        raise NotFound
    await service.close_form(actor, form_id, now=clock.now())
    return forms.go(f"/campaigns/{campaign_id}", "lead_page_closed")


@post("/campaigns/{campaign_id:uuid}/review", status_code=200)
async def review(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, campaign_id: FromPath[UUID]
) -> Response[Any]:
    """Write what the campaign was good for, or that it is cancelled."""
    given = await forms.texts(request, "text", "is_cancelled")
    try:
        values = {"text": given["text"], "is_cancelled": given["is_cancelled"] == "1"}
        written = forms.taken(values, Review)
        await service.review_campaign(actor, campaign_id, written, now=clock.now())
    except Refusal as refusal:
        words = forms.words_of(request)
        wrong = forms.problem(refusal, words)
        said = failures.sentence(words, refusal)
        wrong = Problem(status=wrong.status, said=said, errors={"text": said})
        return await _campaign(request, actor, renderer, campaign_id, wrong, given)
    return forms.go(f"/campaigns/{campaign_id}", "campaign_reviewed")
