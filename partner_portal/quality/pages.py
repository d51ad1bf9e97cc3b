"""Data quality: averages by person and team, and the poorest records with where to mend them."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get

from partner_portal import forms
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.quality import queries
from server.quality.schemas import QualityFilters

CHECKS: Final = (
    *("reachable", "plausible", "code", "fresh", "city", "industry", "contact", "single"),
    *("level", "address", "decider", "source", "callable"),
)
MENDED_AT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("reachable", "plausible", "code", "city", "industry"), "/edit"),
    **dict.fromkeys(("level", "address", "source"), "/edit"),
    **dict.fromkeys(("contact", "callable"), "#h-contacts"),
    "decider": "#h-map",
    "fresh": "#h-visits",
    "single": "#h-quality",
}
"""Where on a customer's pages a check is mended."""


@get("/quality")
async def quality(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show how good records within sight are, and the poorest of them."""
    owner = forms.given_id(request.query_params.get("owner_id", ""))
    check = request.query_params.get("check", "")
    narrowed = {"owner_id": owner, "check": check if check in CHECKS else None}
    averages = await queries.averages(actor)
    directory = await identity.directory(actor)
    return renderer.page(
        request,
        "quality/templates/quality.html",
        page=await queries.list_page(
            actor,
            forms.taken(narrowed, QualityFilters),
            cursor=request.query_params.get("cursor"),
        ),
        all=averages[0] if averages else None,
        people=[each for each in averages[1:] if each.owner_id is not None],
        names=directory.people,
        checks=CHECKS,
        check=narrowed["check"] or "",
        owner=str(owner or ""),
        mended_at=MENDED_AT,
        **await frame(request, actor),
    )
