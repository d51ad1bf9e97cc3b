"""Calls: write one down on the customer's page."""

from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.activities.moments import moment_of
from partner_portal.rendering import AnyRequest
from server.access.edge import CurrentActor
from server.activities import service
from server.activities.schemas import NewCall
from server.kit import clock
from server.kit.errors import Invalid

_MINUTE_S = 60


@post("/customers/{customer_id:uuid}/calls", status_code=200)
async def add(
    request: AnyRequest, actor: CurrentActor, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Write a call down."""
    names = ("id", "contact_id", "direction", "outcome", "called_at", "minutes", "note")
    given = await forms.texts(request, *names)
    minutes, called = given.pop("minutes"), given.pop("called_at")
    if minutes and not (minutes.isascii() and minutes.isdigit() and len(minutes) < 5):  # noqa: PLR2004 - digits of a day
        raise Invalid("Write whole minutes.", field="minutes")
    wanted: dict[str, Any] = {
        **{name: text for name, text in given.items() if text},
        "called_at": moment_of(called, "called_at") if called else None,
        "duration_s": int(minutes) * _MINUTE_S if minutes else None,
    }
    await service.add_call(actor, customer_id, forms.taken(wanted, NewCall), now=clock.now())
    return forms.go(f"/customers/{customer_id}", "call")
