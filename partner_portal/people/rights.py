"""Who sees what: from whom phones are hidden, and who looked at them all the same."""

from typing import Any

from litestar import Response, get, post

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, Role, ensure
from server.access.edge import CurrentActor
from server.customers.reveals import queries as reveals
from server.identity import queries, service
from server.identity.schemas import PhoneMaskView
from server.kit import clock
from server.kit.errors import Refusal

MASKED_ROLES = (Role.SALES_MANAGER, Role.SALES_REP)


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
    quota = given["reveals_per_day"]
    try:
        asked = {
            "roles": [role.value for role in MASKED_ROLES if given[role]],
            "reveals_per_day": int(quota) if quota.isascii() and quota.isdigit() else quota or None,
            "wants_reason": bool(given["wants_reason"]),
        }
        mask = forms.taken(asked, PhoneMaskView)
        await service.set_phone_mask(actor, mask, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _page(request, actor, renderer, wrong)
    return forms.go("/people/rights", "phone_mask")


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem
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
        wrong=wrong,
        **await frame(request, actor),
    )
