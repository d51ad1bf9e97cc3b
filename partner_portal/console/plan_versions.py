"""Versions of plans (套餐) in the console: written, tried on who has the plan, and published."""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal
from server.partners import queries as partners
from server.plans import queries, service
from server.plans.schemas import LIMIT_KINDS, METERS, NewVersion, PlanTerms
from server.problems import BooksRefusal

_HOME: Final = "/console/plans"
_NOTHING: Final = Problem()
_PPM_OF_MILLI_PERCENT: Final = 10
_MIB: Final = 2**20
_BYTES: Final = "storage_bytes"
"""What is counted by the byte, and written in MiB; a price of one is carried along as it is."""
_BETWEEN: Final = re.compile(r"[^\w-]+")
"""Between the codes of features, however somebody writes a list."""
_TEXTS: Final = ("id", "plan_id", "name", "begins_on", "price", "tax", "features", "act", "seen")
_OF_METER: Final = ("most", "kind", "grace", "unit")


@get(f"{_HOME}/versions/new")
async def begin(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the form: of a new plan, or of the next version of one as its last one is."""
    now, plan_id = clock.now(), forms.given_id(request.query_params.get("plan_id", ""))
    given = {"id": f"{ids.new_id(now)}", "plan_id": f"{ids.new_id(now)}", "price": "", "tax": "6"}
    if plan_id is not None:
        given |= _written(await _newest(actor, plan_id))
    return await _page(request, actor, renderer, given, None, _NOTHING)


@post(f"{_HOME}/versions", status_code=200)
async def publish(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Try a version, or publish it as it was shown; altered, it is shown anew."""
    meters = [f"{part}_{meter}" for meter in METERS for part in _OF_METER]
    given = await forms.texts(request, *_TEXTS, *meters)
    drawn = partial(_page, request, actor, renderer, given)
    try:
        version = _version(given)
        if given["act"] != "publish" or given["seen"] != _digest(version):
            return await drawn(version, _NOTHING)
        await service.publish(actor, version, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await drawn(None, forms.said(request, refusal))
    return forms.go(_HOME, "plan_version_published")


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, str],
    version: NewVersion | None,
    wrong: Problem,
) -> Response[Any]:
    """Draw the form; above it what the version in it would cost those who have its plan."""
    tried = await service.trial(actor, version, now=clock.now()) if version else None
    agents = await partners.agents(actor)
    held = {str(each.plan_id): each.name for each in reversed(await queries.versions(actor))}
    return renderer.page(
        request,
        "console/templates/plan_version.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        version=version,
        tried=tried,
        seen=_digest(version) if version else "",
        called=held.get(given["plan_id"]),
        names={each.tenant_id: each.name for each in agents},
        meters=METERS,
        kinds=LIMIT_KINDS,
        **await frame(request, actor),
    )


async def _newest(actor: Actor, plan_id: UUID) -> PlanTerms:
    """Give the version of a plan that begins last.

    :raises NotFound: there is none.
    """
    for each in await queries.versions(actor):
        if each.plan_id == plan_id:
            return each
    raise NotFound("There is no such plan.")


def _written(version: PlanTerms) -> dict[str, str]:
    """Write a version's terms as the form has them, without its day."""
    given = {
        "plan_id": str(version.plan_id),
        "name": version.name,
        "price": _yuan(version.price_minor),
        "tax": f"{version.tax_ppm / 10_000:g}",
        "features": ", ".join(version.features),
    }
    for meter, limit in version.limits.items():
        most = limit.most // _MIB if meter == _BYTES else limit.most
        given |= {f"most_{meter}": str(most), f"kind_{meter}": str(limit.kind)}
        given[f"grace_{meter}"] = str(limit.grace_until or "")
    return given | {f"unit_{meter}": _yuan(price) for meter, price in version.unit_minor.items()}


def _yuan(minor: int) -> str:
    """Write fen as yuan."""
    whole, part = divmod(minor, forms.FEN)
    return f"{whole}.{part:02d}"


def _version(given: Mapping[str, str]) -> NewVersion:
    """Turn the form into a version: yuan into fen, percent into millionths.

    :raises Invalid: naming the field that makes no sense.
    """
    limits: dict[str, dict[str, Any]] = {}
    units: dict[str, int] = {}
    for meter in METERS:
        most = forms.number(given[f"most_{meter}"], f"most_{meter}")
        if most is not None:
            limits[meter] = {
                "most": most * _MIB if meter == _BYTES else most,
                "kind": given[f"kind_{meter}"] or LIMIT_KINDS[0],
                "grace_until": given[f"grace_{meter}"] or None,
            }
        price = forms.fen(given[f"unit_{meter}"], f"unit_{meter}")
        if price is not None:
            units[meter] = price
    tax = forms.milli(given["tax"].rstrip("% "), "tax") if given["tax"] else 0
    terms = {
        "id": given["id"],
        "plan_id": given["plan_id"],
        "name": given["name"],
        "begins_on": given["begins_on"],
        "price_minor": forms.fen(given["price"], "price") or 0,
        "tax_ppm": tax * _PPM_OF_MILLI_PERCENT,
        "features": [each for each in _BETWEEN.split(given["features"]) if each],
        "limits": limits,
        "unit_minor": units,
    }
    return forms.taken(terms, NewVersion)


def _digest(version: NewVersion) -> str:
    """Name what was shown, so that nothing else is published."""
    return hashlib.sha256(msgspec.json.encode(version)).hexdigest()


HANDLERS = [begin, publish]
"""Pages of versions of plans."""
