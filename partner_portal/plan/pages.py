"""Use and plan (用量与套餐): the owner sees what is used of how much, and every invoice."""

from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.sheets import attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.plans import exports, queries


@get("/plan")
async def plan(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the plan, what is used of it, what was given beyond it, and the invoices."""
    return renderer.page(
        request,
        "plan/templates/plan.html",
        held=await queries.own_use(actor, now=clock.now()),
        invoices=await queries.own_invoices(actor, cursor=request.query_params.get("cursor")),
        chinese=forms.words_of(request).language.startswith("zh"),
        **await frame(request, actor),
    )


@get(
    "/plan/invoices/{invoice_id:uuid}/invoice.pdf",
    media_type=PDF,
    opt={"time_limit_s": TIME_LIMIT_S + 10},
)
async def paper(actor: CurrentActor, invoice_id: FromPath[UUID]) -> Response[bytes]:
    """Give an invoice as PDF."""
    content = await exports.as_pdf(*await queries.own_printed(actor, invoice_id))
    return Response(content, media_type=PDF, headers=attached("invoice.pdf"))
