"""Counter-offers in the console: what it would cost to match a rival, asked and told in words."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import reduce
from http import HTTPStatus
from itertools import chain
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.figures import spreads
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.commissions import queries, service
from server.commissions.schemas import NewCounterOffer
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.partners import queries as partners
from server.partners.schemas import AgentView
from server.problems import BooksRefusal

_HOME: Final = "/console/commissions/offers"
_NOTHING: Final = Problem()
_PERCENT: Final = 100
_MILLI: Final = 1_000
_DECIMALS: Final = 3
"""Of what a form reads."""
_PPM_OF_MILLI_PERCENT: Final = 10
_WHOM: Final = "question.agent_ids"


class Unit(StrEnum):
    """How a person writes a number of the question."""

    COUNT = "count"
    TIMES = "times"
    PERCENT = "percent"
    """Of a share."""
    PPM_PERCENT = "ppm_percent"
    """Of a share that the books keep in millionths."""
    GROWTH = "growth"
    """How many times as much; kept is its logarithm."""


class Asked(msgspec.Struct, frozen=True):
    """A number of the question: where it stands there, and what is written unless told."""

    place: str
    unit: Unit
    usual: str

    @property
    def name(self) -> str:
        """Give what its field is called."""
        return self.place.rpartition(".")[2]


OFFER: Final = (
    Asked("question.rival.times", Unit.TIMES, "2"),
    Asked("question.believed.months", Unit.COUNT, "36"),
)
BELIEVED: Final[Mapping[str, Sequence[Asked]]] = {
    "agents": (
        Asked("question.believed.base_hazard", Unit.PERCENT, "1"),
        Asked("question.believed.elasticity", Unit.GROWTH, "4.5"),
        Asked("question.other_value_ppm", Unit.PPM_PERCENT, "0"),
        Asked("question.believed.spread", Unit.PERCENT, "50"),
    ),
    "business": (
        Asked("question.months_back", Unit.COUNT, "6"),
        Asked("question.margin_ppm", Unit.PPM_PERCENT, "25"),
        Asked("question.believed.tax_ppm", Unit.PPM_PERCENT, "25"),
        Asked("question.believed.deductible_ppm", Unit.PPM_PERCENT, "5"),
        Asked("question.believed.monthly_discount", Unit.PERCENT, "0.5"),
    ),
    "answers": (
        Asked("question.believed.bonus_ppm", Unit.PPM_PERCENT, "50"),
        Asked("question.believed.vesting_months", Unit.COUNT, "12"),
        Asked("question.believed.benefit_ppm", Unit.PPM_PERCENT, "50"),
        Asked("question.believed.benefit_worth_ppm", Unit.PPM_PERCENT, "100"),
    ),
    "drawn": (
        Asked("question.scenarios", Unit.COUNT, "200"),
        Asked("question.seed", Unit.COUNT, "1"),
    ),
}
"""What is believed, by whom or what it is about."""
NUMBERS: Final = (*OFFER, *chain.from_iterable(BELIEVED.values()))


@get(_HOME)
async def offers(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Ask what matching a rival would cost, and list what was asked."""
    return await _list(request, actor, renderer, {}, _NOTHING)


async def _list(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form with what was given of it, and what was asked before."""
    return renderer.page(
        request,
        "console/templates/offers.html",
        status=wrong.status,
        wrong=wrong,
        page=await queries.counter_offers(actor, cursor=request.query_params.get("cursor") or None),
        me=actor.user_id,
        groups=BELIEVED,
        **_form(given),
        **await frame(request, actor),
    )


@post(_HOME, status_code=200)
async def ask(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Ask; the worker answers."""
    given = await forms.texts(request, "id", "agents", *(each.name for each in NUMBERS))
    found, unknown = _named(given["agents"], await partners.agents(actor))
    if unknown:
        said = forms.words_of(request).say("offers.unknown_agents", names=", ".join(unknown[:5]))
        wrong = Problem(status=HTTPStatus.UNPROCESSABLE_ENTITY, errors={_WHOM: said})
        return await _list(request, actor, renderer, given, wrong)
    try:
        asked = forms.taken(_question(given, found), NewCounterOffer)
        await service.ask(actor, asked, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _list(request, actor, renderer, given, forms.said(request, refusal))
    return forms.go(f"{_HOME}/{asked.id}")


@get(f"{_HOME}/{{offer_id:uuid}}")
async def offer(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, offer_id: FromPath[UUID]
) -> Response[Any]:
    """Show what each answer to a rival would cost and bring; a fragment is the answer alone."""
    view = await queries.counter_offer(actor, offer_id, now=clock.now())
    results = view.answer.results if view.answer else []
    names = {each.tenant_id: each.name for each in await partners.agents(actor)}
    told = {each.name: _written(each, view) for each in NUMBERS}
    shown: dict[str, Any] = {
        "view": view,
        "told": told,
        "groups": BELIEVED,
        "asked_of": [names.get(each, "…") for each in view.question.agent_ids],
        "costs": spreads([(r.cost_p10_minor, r.cost_p50_minor, r.cost_p90_minor) for r in results]),
        "worths": spreads([(r.p10_minor, r.p50_minor, r.p90_minor) for r in results]),
        "by_policy": {result.policy: result for result in results},
        "best": max(results, key=lambda each: each.p50_minor, default=None),
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "console/templates/offer_answer.html", **shown)
    return renderer.page(
        request,
        "console/templates/offer.html",
        wrong=_NOTHING,
        **shown,
        **_form({**told, "agents": "\n".join(shown["asked_of"])}),
        **await frame(request, actor),
    )


# ---------------------------------------------------------------------------------- the question


def _form(given: Mapping[str, str]) -> dict[str, Any]:
    """Give what the form needs: what was written, else what is usual."""
    usual = {each.name: each.usual for each in NUMBERS} | {"agents": ""}
    written = {name: text for name, text in given.items() if text}
    return {
        "given": {**usual, "id": f"{ids.new_id(clock.now())}", **written},
        "first": OFFER,
    }


def _named(text: str, known: Sequence[AgentView]) -> tuple[list[str], list[str]]:
    """Find agents by their names, one a line; give their ids, and the names that nobody has."""
    wanted = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    names = {each.name for each in known}
    found = [str(each.tenant_id) for each in known if each.name in wanted]
    return found, [name for name in wanted if name not in names]


def _question(given: Mapping[str, str], agent_ids: Sequence[str]) -> dict[str, Any]:
    """Turn the form into a question.

    :raises Invalid: naming the number that is none.
    """
    terms: dict[str, Any] = {
        "id": given["id"],
        "question": {"rival": {"kind": "times"}, "agent_ids": agent_ids, "believed": {}},
    }
    for each in NUMBERS:
        *path, name = each.place.split(".")
        held = reduce(lambda part, step: part[step], path, terms)
        held[name] = _read(each.unit, given[name], each.place)
    return terms


def _read(unit: Unit, text: str, place: str) -> float | None:
    """Read a number as the question keeps it.

    :raises Invalid: it is none.
    """
    if unit is Unit.COUNT:
        return forms.number(text, place)
    milli = forms.milli(text.rstrip("% "), place)
    match unit:
        case Unit.TIMES:
            return milli / _MILLI
        case Unit.PERCENT:
            return milli / _MILLI / _PERCENT
        case Unit.PPM_PERCENT:
            return milli * _PPM_OF_MILLI_PERCENT
        case Unit.GROWTH:
            # What is refused as less than once is refused as a number below nothing.
            return math.log(max(milli, 1) / _MILLI)


def _written(asked: Asked, view: object) -> str:
    """Write a number of a question as a person writes it; nothing where it has none."""
    kept: Any = reduce(lambda part, step: getattr(part, step, None), asked.place.split("."), view)
    if not isinstance(kept, int | float):
        return ""
    match asked.unit:
        case Unit.PERCENT:
            kept *= _PERCENT
        case Unit.PPM_PERCENT:
            kept /= _PPM_OF_MILLI_PERCENT * _MILLI
        case Unit.GROWTH:
            kept = math.exp(kept)
        case Unit.COUNT | Unit.TIMES:
            pass
    return f"{round(kept, _DECIMALS):.10g}"


HANDLERS = [offers, ask, offer]
