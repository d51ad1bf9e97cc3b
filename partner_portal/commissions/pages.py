"""Commission (佣金) of one's own company: what moved its account in a month, line by line."""

import re
from typing import Any, Final

from litestar import Response, get

from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.commissions import queries
from server.commissions.schemas import MONTH
from server.kit import clock
from server.kit.calendars import ZONE

_CURRENCY: Final = "CNY"


@get("/commissions")
async def commissions(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show a month's movements with what stood before and after, and what sales pay when."""
    query, today = request.query_params, clock.now().astimezone(ZONE).date()
    asked = query.get("month", "")
    month = asked if re.match(MONTH, asked) else f"{today:%Y-%m}"
    return renderer.page(
        request,
        "commissions/templates/commissions.html",
        month=month,
        told=await queries.own_statement(actor, month, _CURRENCY),
        page=await queries.own_lines(actor, cursor=query.get("cursor") or None),
        today=today,
        **await frame(request, actor),
    )
