"""Show the hidden phones of a customer: one deliberate act, and one page that is not kept."""

from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.activities import queries as activities
from server.customers import queries as customers
from server.customers.reveals import service
from server.customers.reveals.schemas import NewReveal
from server.kit import clock
from server.kit.errors import Refusal


@post("/customers/{customer_id:uuid}/reveal", status_code=200)
async def reveal(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show a customer's phones in full, or say what is missing for that."""
    given = await forms.texts(request, "reason")
    customer = await customers.one(actor, customer_id)
    shown, wrong = None, Problem()
    try:
        asked = forms.taken(given, NewReveal)
        shown = await service.reveal(actor, customer_id, asked, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
    numbers = {each.number for each in shown.numbers} if shown else set()
    return renderer.page(
        request,
        "customers/templates/reveal.html",
        status=wrong.status,
        headers={"Cache-Control": "no-store"},
        customer=customer,
        shown=shown,
        banned=await activities.banned(actor, numbers),
        given=given,
        wrong=wrong,
        **await frame(request, actor),
    )
