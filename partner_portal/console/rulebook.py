"""The published order and the terms: tried on the past before they hold, then switched on."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.formats import ZONE
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.errors import Invalid, Refusal
from server.registrations import queries, service
from server.registrations.schemas import NewRules, NewTerms, SwitchOn

_STEPS: Final = tuple(f"step_{place}" for place in range(1, 6))
_MINUTE_MS: Final = 60_000
_DAY_HOURS: Final = 24
_NUMBERS: Final = (
    *("extension_days", "extensions_max", "evidence_age_days"),
    *("contest_days", "evidence_days", "decide_days", "appeal_days", "cooling_days"),
    *("per_day_rep", "per_day_agent", "checks_per_day_rep", "checks_per_day_agent"),
)
"""What the terms have as plain numbers."""
_OF_TIER: Final = ("protected_days", "live_max")
_PLACES: Final = {"holds_from": "holds_on", "settles_after_hours": "settles_days"}
"""Where the form has what the request calls so."""


@get("/console/rules")
async def rulebook(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show which order and which terms hold, and what other versions would change of the past."""
    return await _page(request, actor, renderer, Problem(), {})


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    wrong: Problem,
    given: Mapping[str, str],
) -> Response[Any]:
    """Draw the rulebook with its two forms."""
    ensure(actor, Permission.CASES_RULE)
    now = clock.now()
    held, versions = await service.terms_now(actor, now=now), await queries.versions(actor)
    return renderer.page(
        request,
        "console/templates/rulebook.html",
        status=wrong.status,
        rules=await queries.published(actor),
        versions=versions[::-1],
        held=held,
        # The version with which the product comes has every rule.
        steps=list(zip(_STEPS, versions[0].steps, strict=True)),
        numbers=_NUMBERS,
        given={**_written(msgspec.to_builtins(held.terms), now), **given},
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/console/rules", status_code=200)
async def propose(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Write a version that can be looked at before it holds."""
    given = await forms.texts(request, *_STEPS, "tolerance")
    try:
        minutes = forms.number(given["tolerance"], "tolerance") or 0
        asked = forms.taken(
            {
                "steps": [given[step] for step in _STEPS if given[step]],
                "tolerance_ms": minutes * _MINUTE_MS,
            },
            NewRules,
        )
        await service.propose_rules(actor, asked, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, said(request, refusal), given)
    return forms.go("/console/rules", "rules_proposed")


@post("/console/rules/{version:int}/switch-on", status_code=200)
async def switch_on(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, version: FromPath[int]
) -> Response[Any]:
    """Let a version hold, by who has seen on this page what it would have changed."""
    given = await forms.texts(request, "diff_hash")
    try:
        seen = SwitchOn(version=version, diff_hash=given["diff_hash"])
        await service.switch_rules_on(actor, seen, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, said(request, refusal), {})
    return forms.go("/console/rules", "rules_switched_on")


@post("/console/terms", status_code=200)
async def set_terms(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Publish terms that hold from a day on."""
    held = await service.terms_now(actor, now=clock.now())
    written = _written(msgspec.to_builtins(held.terms), clock.now())
    given = await forms.texts(request, *written)
    try:
        asked = forms.taken(_read(given, list(held.terms.tiers)), NewTerms)
        await service.set_terms(actor, asked, now=clock.now())
    except Refusal as refusal:
        wrong = said(request, refusal)
        errors = {_place(field): why for field, why in wrong.errors.items()}
        wrong = Problem(status=wrong.status, said=wrong.said, errors=errors)
        return await _page(request, actor, renderer, wrong, given)
    return forms.go("/console/rules", "terms_set")


def _place(field: str) -> str:
    """Say which field of the form stands for a field of the request."""
    name = field.removeprefix("terms.")
    return _PLACES.get(name, name)


def _written(terms: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Write terms into the form; new ones hold from tomorrow on, unless said otherwise."""
    tomorrow = now.astimezone(ZONE).date() + timedelta(days=1)
    return {
        "holds_on": tomorrow.isoformat(),
        "settles_days": str(terms["settles_after_hours"] // _DAY_HOURS),
        "warn_days": ", ".join(map(str, terms["warn_days"])),
        **{name: str(terms[name]) for name in _NUMBERS},
        **{
            f"{tier}_{name}": str(of_tier[name])
            for tier, of_tier in terms["tiers"].items()
            for name in _OF_TIER
        },
    }


def _read(given: Mapping[str, str], tiers: Sequence[str]) -> dict[str, Any]:
    """Turn the form into the request: days into moments and hours.

    :raises Invalid: naming the field that makes no sense.
    """
    return {
        "holds_from": _morning(given["holds_on"]),
        "terms": {
            "settles_after_hours": _number(given["settles_days"], "settles_days") * _DAY_HOURS,
            "warn_days": [
                _number(text.strip(), "warn_days")
                for text in given["warn_days"].replace("\N{FULLWIDTH COMMA}", ",").split(",")
                if text.strip()
            ],
            "tiers": {
                tier: {
                    name: _number(given[f"{tier}_{name}"], f"{tier}_{name}") for name in _OF_TIER
                }
                for tier in tiers
            },
            **{name: _number(given[name], name) for name in _NUMBERS},
        },
    }


def _number(text: str, field: str) -> int:
    """Read a number that has to be there.

    :raises Invalid: it is none.
    """
    found = forms.number(text, field)
    if found is None:
        raise Invalid("Write a whole number.", field=field)
    return found


def _morning(text: str) -> datetime:
    """Read a day as the moment at which it begins in China.

    :raises Invalid: it is none.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(), ZONE)
    except ValueError as error:
        raise Invalid("Give a day.", field="holds_on") from error
