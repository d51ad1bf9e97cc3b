"""Signals over HTTP. Each handler makes one call."""

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.automation.signals import queries, service
from server.automation.signals.schemas import (
    NewSignal,
    NewSignalSource,
    SignalSourceSaved,
    SignalSourceView,
    SignalTaken,
    Told,
)
from server.kit import clock


@get("/sources", summary="List sources of signals")
async def sources(actor: CurrentActor) -> list[SignalSourceView]:
    """List the systems outside that tell of customers."""
    return await queries.sources(actor)


@post("/sources", summary="Open a source of signals")
async def open_source(actor: CurrentActor, data: JSONBody[NewSignalSource]) -> SignalSourceSaved:
    """Let a system outside tell of customers; its secret is told here alone."""
    return await service.open_source(actor, data, now=clock.now())


@post("/sources/{source_id:uuid}/closing", status_code=204, summary="Close a source of signals")
async def close_source(actor: CurrentActor, source_id: FromPath[UUID]) -> None:
    """Take nothing more from a source."""
    await service.close_source(actor, source_id, now=clock.now())


@post("/signals", status_code=200, summary="Tell of an event")
async def tell(actor: CurrentActor, data: JSONBody[NewSignal]) -> SignalTaken:
    """Take what a manager's system tells with an access token."""
    return await service.tell(actor, data, now=clock.now())


@post(
    "/{company_id:uuid}/{source_id:uuid}",
    status_code=200,
    exclude_from_auth=True,
    security=[{}],
    summary="Receive a signal",
)
async def receive(
    request: Request[Any, Any, Any],
    company_id: FromPath[UUID],
    source_id: FromPath[UUID],
    data: JSONBody[Told],
) -> SignalTaken:
    """Take what a source tells, signed after Standard Webhooks: `webhook-id` is the event's."""
    given = request.headers
    return await service.receive(
        company_id,
        source_id,
        data,
        event_id=given.get("webhook-id", "")[:200],
        sent_s=given.get("webhook-timestamp", ""),
        signatures=given.get("webhook-signature", ""),
        body=await request.body(),
        now=clock.now(),
    )


managed = (sources, open_source, close_source, tell)
"""What stands below /automation."""
router = Router("/signals", route_handlers=[receive], tags=["automation"])
