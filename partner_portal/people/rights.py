"""Who sees what: hidden phones and who looked at them, and what teams let each other see."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.customers.fields import LEVELS
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Part, Permission, Role, ensure
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers.reveals import queries as reveals
from server.identity import queries, service
from server.identity.schemas import NewSharing, PhoneMaskView
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.tenants import queries as tenants

MASKED_ROLES: Final = (Role.SALES_MANAGER, Role.SALES_REP)
_NOTHING: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("id", "from_team_id", "to_team_id", "tag_id")),
    "cities": [],
    "levels": [],
    "parts": [],
    "may_write": False,
}
"""What the form of a new line says before anybody has written in it."""


@get("/people/rights")
async def rights(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show what is set, and who has looked at hidden phones."""
    return await _page(request, actor, renderer, Problem())


@post("/people/rights/phone-mask", status_code=200)
async def set_phone_mask(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Set from whom phones are hidden."""
    given = await forms.texts(request, *MASKED_ROLES, "reveals_per_day", "wants_reason")
    try:
        asked = {
            "roles": [role.value for role in MASKED_ROLES if given[role]],
            "reveals_per_day": forms.number(given["reveals_per_day"], "reveals_per_day"),
            "wants_reason": bool(given["wants_reason"]),
        }
        mask = forms.taken(asked, PhoneMaskView)
        await service.set_phone_mask(actor, mask, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, wrong)
    return forms.go("/people/rights", "phone_mask")


@post("/people/rights/sharings", status_code=200)
async def share(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Add a line between two teams; sending twice makes one."""
    one = await forms.texts(request, "id", "from_team_id", "to_team_id", "tag_id", "cities")
    levels, parts, writes = [
        await forms.texts(request, *names)
        for names in (map("level_{}".format, LEVELS), map("part_{}".format, Part), ["may_write"])
    ]
    asked = {
        **{name: one[name] or None for name in ("id", "from_team_id", "to_team_id", "tag_id")},
        "cities": one["cities"]
        .replace("\N{FULLWIDTH COMMA}", ",")
        .replace("\N{IDEOGRAPHIC COMMA}", ",")
        .split(","),
        "levels": [each for each in LEVELS if levels[f"level_{each}"]],
        "parts": [each.value for each in Part if parts[f"part_{each}"]],
        "may_write": bool(writes["may_write"]),
    }
    try:
        await service.share(actor, forms.taken(asked, NewSharing), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, wrong, asked)
    return forms.go("/people/rights", "sharing_added")


@post("/people/rights/sharings/{line_id:uuid}/removal", status_code=200)
async def unshare(actor: CurrentActor, line_id: FromPath[UUID]) -> Response[Any]:
    """Take a line away."""
    await service.unshare(actor, line_id, now=clock.now())
    return forms.go("/people/rights", "sharing_removed")


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    wrong: Problem,
    given: Mapping[str, Any] = _NOTHING,
) -> Response[Any]:
    """Draw the page."""
    ensure(actor, Permission.USERS_MANAGE)
    return renderer.page(
        request,
        "people/templates/rights.html",
        status=wrong.status,
        mask=await queries.phone_mask(actor),
        roles=MASKED_ROLES,
        looks=await reveals.page(actor, cursor=request.query_params.get("cursor") or None),
        names=(await queries.directory(actor)).people,
        lines=[each.line for each in await queries.sharings(actor)],
        teams={team.id: team.name for team in await tenants.teams(actor)},
        tags={tag.id: tag.name for tag in await customers.tags(actor)},
        levels=LEVELS,
        parts=[part.value for part in Part],
        new_id=str(ids.new_id(clock.now())),
        given=given,
        wrong=wrong,
        **await frame(request, actor),
    )
