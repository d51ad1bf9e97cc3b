"""What devices hold of the company's allocations, for its owner: seen, and called back."""

from typing import Any

from litestar import Response, post

from partner_portal import forms
from partner_portal.rendering import AnyRequest
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.benefits.escrow import queries, service
from server.benefits.escrow.schemas import Recall, UnitsView
from server.kit import clock


async def units_of(actor: Actor) -> list[UnitsView]:
    """List what devices hold, for whom it is to see; others are shown nothing."""
    if Permission.UNITS_RECALL not in ROLE_PERMISSIONS[actor.role]:
        return []
    return await queries.units_out(actor)


@post("/benefits/units/recall", status_code=200)
async def recall(request: AnyRequest, actor: CurrentActor) -> Response[Any]:
    """Call back what a device holds of a program; what it has promised is kept."""
    given = await forms.texts(request, "program_id", "device_id")
    await service.recall(actor, forms.taken(given, Recall), now=clock.now())
    return forms.go("/benefits", "units_recalled")
