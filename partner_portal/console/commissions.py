"""Commissions in the console: who has earned what, of which sales, by which plan, and the limit."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.commissions import years
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from partner_portal.statements.pages import LINES_SHOWN
from server.access import Actor
from server.access.edge import CurrentActor
from server.commissions import exports, queries, service
from server.commissions.exports import XLSX
from server.commissions.schemas import (
    MEASURES,
    MODES,
    NewNaturalPerson,
    PlanTerms,
    SalesAsked,
    YearTold,
)
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.kit.sheets import CSV
from server.partners import queries as partners
from server.problems import BooksRefusal
from server.statements import queries as statements

_HOME: Final = "/console/commissions"
_AGENT: Final = f"{_HOME}/agents/{{agent_id:uuid}}"
_YEAR: Final = f"{_AGENT}/year"
_NOTHING: Final = Problem()
_TIERS: Final = range(1, 5)
"""Lines of a plan's form."""
_PPM_OF_MILLI_PERCENT: Final = 10
_BETWEEN: Final = re.compile(r"[^-0-9.]+")
"""Between the shares of those above, however somebody writes a list."""
_TERMS: Final = ("id", "new_plan_id", "plan_id", "begins_on", "measure", "mode")
_NUMBERS: Final = ("floor", "cap", "hold_days", "upline")


async def _names(actor: Actor) -> dict[UUID, str]:
    """Give the agents' names."""
    return {each.tenant_id: each.name for each in await partners.agents(actor)}


@get(_HOME)
async def accruals(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List by agent what is held, free to be paid, on its way and paid."""
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "console/templates/commissions.html",
        page=await queries.accrued(actor, cursor=cursor, now=clock.now()),
        names=await _names(actor),
        **await frame(request, actor),
    )


@get(f"{_HOME}/sales")
async def sales(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List sales, the last days first, of one agent where it is named."""
    query, names = request.query_params, await _names(actor)
    agent_id = forms.given_id(query.get("agent_id", ""))
    page = await queries.sales(
        actor,
        SalesAsked(agent_id=agent_id),
        cursor=query.get("cursor") or None,
        now=clock.now(),
    )
    return renderer.page(
        request,
        "console/templates/commission_sales.html",
        page=page,
        names=names,
        agent_id=agent_id,
        **await frame(request, actor),
    )


@get(f"{_HOME}/sales/{{sale_id:uuid}}")
async def sale(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, sale_id: FromPath[UUID]
) -> Response[Any]:
    """Show who gets what for a sale, what was refunded of it, and where that stands."""
    told = await queries.sale(actor, sale_id, now=clock.now())
    names = await _names(actor)
    placed = await statements.places(actor, [each.transfer_id for each in told.moves])
    return renderer.page(
        request,
        "console/templates/commission_sale.html",
        told=told,
        refunds=[(each.recorded_at.astimezone(ZONE).date(), each) for each in told.refunds],
        places={each.transfer_id: each for each in placed},
        shown=LINES_SHOWN,
        whose={line.id: names.get(line.agent_id, "…") for line in told.lines},
        names=names,
        **await frame(request, actor),
    )


@get(f"{_HOME}/meter")
async def meter(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Hold a year's contracts against the limit of what tax lets deduct."""
    cursor, today = request.query_params.get("cursor") or None, _today()
    return renderer.page(
        request,
        "console/templates/commission_meter.html",
        held=await queries.meter(
            actor, years.asked(request, today), cursor=cursor, now=clock.now()
        ),
        years=years.offered(today),
        **await frame(request, actor),
    )


# --------------------------------------------------------------------------------- an agent's year


@get(_YEAR)
async def year(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Show an agent's year by month and plan; the agent is told."""
    told = await _year_of(request, actor, agent_id)
    return renderer.page(
        request,
        "console/templates/commission_year.html",
        told=told,
        agent=await partners.agent(actor, agent_id),
        years=years.offered(_today()),
        is_person=await queries.is_person(actor, agent_id, now=clock.now()),
        new_id=ids.new_id(clock.now()),
        **await frame(request, actor),
    )


@post(f"{_AGENT}/natural-person", status_code=200)
async def say_person(
    request: AnyRequest, actor: CurrentActor, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Say whether an agent is a natural person, of whose commission tax is withheld."""
    given = await forms.texts(request, "id", "is_one")
    said = forms.taken({"id": given["id"], "is_one": bool(given["is_one"])}, NewNaturalPerson)
    await service.say_person(actor, agent_id, said, now=clock.now())
    return forms.go(f"{_HOME}/agents/{agent_id}/year", "natural_person")


@get(f"{_YEAR}.csv", media_type=CSV)
async def year_csv(
    request: AnyRequest, actor: CurrentActor, agent_id: FromPath[UUID]
) -> Response[bytes]:
    """Give an agent's year as CSV; the agent is told."""
    return exports.year_as_csv(await _year_of(request, actor, agent_id))


@get(f"{_YEAR}.xlsx", media_type=XLSX)
async def year_xlsx(
    request: AnyRequest, actor: CurrentActor, agent_id: FromPath[UUID]
) -> Response[bytes]:
    """Give an agent's year as XLSX; the agent is told."""
    return exports.year_as_xlsx(await _year_of(request, actor, agent_id))


async def _year_of(request: AnyRequest, actor: Actor, agent_id: UUID) -> YearTold:
    """Read the year that the address names."""
    asked = years.asked(request, _today())
    return await queries.year_of(actor, agent_id, asked, now=clock.now())


def _today() -> date:
    """Give the day in China."""
    return clock.now().astimezone(ZONE).date()


# -------------------------------------------------------------------------------------- plans


@get(f"{_HOME}/plans")
async def plans(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List plans with their versions in words, and offer a new version."""
    return await _plans(request, actor, renderer, {}, None, _NOTHING)


async def _plans(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, str],
    preview: PlanTerms | None,
    wrong: Problem,
) -> Response[Any]:
    """Draw the plans and the form; above it what the version in the form would pay."""
    now = clock.now()
    found = sorted(await queries.plans(actor), key=lambda each: each.plan_id)
    versions = [
        (plan_id, sorted(some, key=lambda each: each.begins_on, reverse=True))
        for plan_id, some in groupby(found, lambda each: each.plan_id)
    ]
    usual = {"id": f"{ids.new_id(now)}", "new_plan_id": f"{ids.new_id(now)}", "hold_days": "30"}
    return renderer.page(
        request,
        "console/templates/commission_plans.html",
        status=wrong.status,
        wrong=wrong,
        given={**usual, **given},
        plans=sorted(versions, key=lambda each: each[1][0].begins_on, reverse=True),
        today=now.astimezone(ZONE).date(),
        preview=preview,
        examples=queries.preview(actor, preview) if preview else [],
        tried=await queries.trial(actor, preview, now=now) if preview else None,
        names=await _names(actor),
        seen=_digest(preview) if preview else "",
        measures=MEASURES,
        modes=MODES,
        lines=_TIERS,
        **await frame(request, actor),
    )


@post(f"{_HOME}/plans", status_code=200)
async def publish(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Say what a version would pay, or publish it as it was shown; altered, it is shown anew."""
    tiers = [f"{part}_{line}" for line in _TIERS for part in ("from", "rate")]
    given = await forms.texts(request, *_TERMS, *_NUMBERS, *tiers, "act", "seen")
    drawn = partial(_plans, request, actor, renderer, given)
    try:
        version = _version(given)
        if given["act"] != "publish" or given["seen"] != _digest(version):
            return await drawn(version, _NOTHING)
        await service.publish(actor, version, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await drawn(None, forms.said(request, refusal))
    return forms.go(f"{_HOME}/plans", "commission_plan_published")


def _version(given: Mapping[str, str]) -> PlanTerms:
    """Turn the form into a version: yuan into fen, percent into millionths.

    :raises Invalid: naming the field that makes no sense.
    """
    is_money = given["measure"] in ("revenue", "margin")
    lines = [line for line in _TIERS if given[f"rate_{line}"]]
    terms = {
        "id": given["id"],
        "plan_id": given["plan_id"] or given["new_plan_id"],
        "begins_on": given["begins_on"],
        "currency": "CNY",
        "measure": given["measure"],
        "mode": given["mode"],
        "tiers": [
            {
                "at_least": _amount(given[f"from_{line}"], f"from_{line}", is_money=is_money),
                "rate": _ppm(given[f"rate_{line}"], f"rate_{line}")
                if is_money
                else forms.fen(given[f"rate_{line}"], f"rate_{line}"),
            }
            for line in lines
        ],
        "floor_minor": forms.fen(given["floor"], "floor") or 0,
        "cap_minor": forms.fen(given["cap"], "cap"),
        "hold_days": forms.number(given["hold_days"], "hold_days") or 0,
        "upline_ppm": [_ppm(each, "upline") for each in _BETWEEN.split(given["upline"]) if each],
    }
    return forms.taken(terms, PlanTerms)


def _amount(text: str, field: str, *, is_money: bool) -> int:
    """Read from when on a tier is: yuan or a count; nothing is 0."""
    return (forms.fen(text, field) if is_money else forms.number(text, field)) or 0


def _ppm(text: str, field: str) -> int:
    """Read percent, such as 7.5, as millionths."""
    return forms.milli(text.rstrip("% "), field) * _PPM_OF_MILLI_PERCENT


def _digest(version: PlanTerms) -> str:
    """Name what was shown, so that nothing else is published."""
    return hashlib.sha256(msgspec.json.encode(version)).hexdigest()


HANDLERS = [
    *(accruals, sales, sale, meter, year, year_csv, year_xlsx, say_person, plans, publish),
]
