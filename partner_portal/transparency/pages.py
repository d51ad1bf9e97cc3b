"""The feed of the platform's looks at this agent's data."""

from typing import Any

from litestar import Response, get

from partner_portal import htmx
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.audit import queries as audit


@get("/platform-reads")
async def platform_reads(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List what the platform looked at, the newest first."""
    cursor = request.query_params.get("cursor") or None
    page = await audit.platform_reads(actor, cursor=cursor)
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "transparency/templates/rows.html", page=page)
    return renderer.page(
        request, "transparency/templates/reads.html", page=page, **await frame(request, actor)
    )
