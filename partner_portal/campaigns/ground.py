"""What stands under campaigns: sources as a tree; terms, territories and rules of the company."""

import re
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import failures, forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal
from server.leads import queries, service
from server.leads.schemas import NewRules, NewSource, NewTerritory, SourceEdit, TermsView
from server.tenants import queries as tenants

CHANNELS: Final = (
    *("website", "seo", "sem", "media", "event", "partner_referral", "customer_referral"),
    *("cold", "other"),
)
FIELDS: Final = (
    *("name", "need", "city", "district", "industry", "source", "campaign", "path", "amount"),
)
OPS: Final = ("is", "contains", "at_least")
CHECKED: Final = (
    *("contact_name", "phone", "city", "district", "industry", "need", "amount_minor", "source_id"),
)
CONDITIONS: Final = range(3)
"""So many conditions a rule's form offers."""
_WORDS: Final = re.compile("[,;\n\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}\N{FULLWIDTH SEMICOLON}]+")


@get("/campaigns/sources")
async def sources(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the sources as a tree, with a form for one more."""
    return await _sources(request, actor, renderer, Problem())


async def _sources(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem, given_id: str = ""
) -> Response[Any]:
    """Draw the sources; what is sent again keeps its id."""
    ensure(actor, Permission.LEADS_MANAGE)
    held = await queries.sources(actor)
    return renderer.page(
        request,
        "campaigns/templates/sources.html",
        status=wrong.status,
        wrong=wrong,
        sources=held,
        options=[(str(one.id), " / ".join(one.path)) for one in held],
        channels=CHANNELS,
        new_id=given_id or str(ids.new_id(clock.now())),
        **await frame(request, actor),
    )


@post("/campaigns/sources", status_code=200)
async def add_source(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a source; sending twice makes one."""
    given = await forms.texts(request, "id", "name", "channel", "cost_key", "parent_id", "partner")
    try:
        new = forms.taken({name: text for name, text in given.items() if text}, NewSource)
        await service.add_source(actor, new, now=clock.now())
    except Refusal as refusal:
        return await _sources(request, actor, renderer, _said(request, refusal), given["id"])
    return forms.go("/campaigns/sources", "source")


@post("/campaigns/sources/{source_id:uuid}", status_code=200)
async def change_source(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, source_id: FromPath[UUID]
) -> Response[Any]:
    """Change a source's name, or whether it is in use."""
    given = await forms.texts(request, "name", "state")
    try:
        change = forms.taken({name: text for name, text in given.items() if text}, SourceEdit)
        await service.change_source(actor, source_id, change, now=clock.now())
    except Refusal as refusal:
        return await _sources(request, actor, renderer, _said(request, refusal))
    return forms.go("/campaigns/sources", "source")


@get("/campaigns/terms")
async def terms(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show what the company asks of its leads: terms, territories, rules."""
    return await _terms(request, actor, renderer, Problem())


async def _terms(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem, given_id: str = ""
) -> Response[Any]:
    """Draw terms, territories and rules; what is sent again keeps its id."""
    held: TermsView = await queries.terms(actor)
    people = (await identity.directory(actor)).people
    teams = await tenants.teams(actor)
    tags = await customers.tags(actor)
    return renderer.page(
        request,
        "campaigns/templates/terms.html",
        status=wrong.status,
        wrong=wrong,
        held=held,
        holders={**people, **{team.id: team.name for team in teams}},
        options=[(str(team.id), team.name) for team in teams]
        + sorted(((str(id_), name) for id_, name in people.items()), key=lambda one: one[1]),
        tags=[(str(tag.id), tag.name) for tag in tags],
        tag_names={tag.id: tag.name for tag in tags},
        fields=FIELDS,
        ops=OPS,
        checked=CHECKED,
        conditions=CONDITIONS,
        new_id=given_id or str(ids.new_id(clock.now())),
        **await frame(request, actor),
    )


@post("/campaigns/terms", status_code=200)
async def change_terms(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Change the clock, the checklist and how often a phone is called."""
    held = (await queries.terms(actor)).terms
    form = await request.form()
    given = await forms.texts(request, "accept_hours", "calls_max", "calls_days", "routed")
    try:
        values = {
            **{
                name: _number(given[name], name)
                for name in ("accept_hours", "calls_max", "calls_days")
            },
            "checklist": [str(each) for each in form.getall("checklist", [])],
            "is_routed_at_once": given["routed"] == "1",
        }
        await service.change_terms(actor, forms.taken(values, type(held)), now=clock.now())
    except Refusal as refusal:
        return await _terms(request, actor, renderer, _said(request, refusal))
    return forms.go("/campaigns/terms", "lead_terms")


def _number(text: str, field: str) -> int:
    """Read a whole number.

    :raises Invalid: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 6):  # noqa: PLR2004 - digits
        raise Invalid("Write a whole number.", field=field)
    return int(text)


@post("/campaigns/territories", status_code=200)
async def add_territory(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Let a person or a team hold a place; sending twice makes one."""
    given = await forms.texts(request, "id", "holder_id", "city", "district")
    try:
        new = forms.taken({name: text for name, text in given.items() if text}, NewTerritory)
        await service.add_territory(actor, new, now=clock.now())
    except Refusal as refusal:
        return await _terms(request, actor, renderer, _said(request, refusal), given["id"])
    return forms.go("/campaigns/terms", "territory")


@post("/campaigns/territories/{territory_id:uuid}/removal", status_code=200)
async def remove_territory(actor: CurrentActor, territory_id: FromPath[UUID]) -> Response[Any]:
    """Let nobody hold a place any more."""
    await service.remove_territory(actor, territory_id, now=clock.now())
    return forms.go("/campaigns/terms", "territory_removed")


@post("/campaigns/rules", status_code=200)
async def change_rules(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Add a rule at the end, or take one away: the next version of all of them."""
    form = await request.form()
    given = await forms.texts(request, "id", "base", "name", "junk", "remove")
    held = await queries.terms(actor)
    rules: list[Any] = list(msgspec.to_builtins(held.rules))
    try:
        if given["remove"]:
            place = _number(given["remove"], "remove")
            rules = [rule for at, rule in enumerate(rules) if at != place]
        else:
            rules.append(
                {
                    "name": given["name"],
                    "when": _conditions({name: str(text) for name, text in form.items()}),
                    "tags": [str(each) for each in form.getall("tags", [])],
                    "is_junk": given["junk"] == "1",
                }
            )
        new = forms.taken({"rules": rules, "base": _number(given["base"], "base")}, NewRules)
        await service.change_rules(actor, new, now=clock.now())
    except Refusal as refusal:
        return await _terms(request, actor, renderer, _said(request, refusal), given["id"])
    return forms.go("/campaigns/terms", "lead_rules")


def _conditions(form: dict[str, str]) -> list[dict[str, Any]]:
    """Read a rule's conditions; one without words is none."""
    return [
        {"field": form.get(f"field_{at}", ""), "op": form.get(f"op_{at}", "is"), "words": words}
        for at in CONDITIONS
        if (words := _words(form.get(f"words_{at}", "")))
    ]


def _words(text: str) -> list[str]:
    """Take words apart that commas or lines part."""
    return [word for each in _WORDS.split(text) if (word := each.strip())]


def _said(request: AnyRequest, refusal: Refusal) -> Problem:
    """Say above the page why something was not done.

    :raises NotFound: what it is about is not there.
    """
    words = forms.words_of(request)
    wrong = forms.problem(refusal, words)
    return Problem(status=wrong.status, said=failures.sentence(words, refusal), errors=wrong.errors)
