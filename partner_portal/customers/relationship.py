"""What a relationship lacks becomes work, from the customer's page."""

from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from partner_portal import forms
from server.access.edge import CurrentActor
from server.kit import clock
from server.relationships import service


@post("/customers/{customer_id:uuid}/relationship/tasks", status_code=200)
async def order_uplift(actor: CurrentActor, customer_id: FromPath[UUID]) -> Response[Any]:
    """Make a task of each gap that has none; sending twice makes nothing more."""
    await service.order(actor, customer_id, now=clock.now())
    return forms.go(f"/customers/{customer_id}", "relationship_ordered")
