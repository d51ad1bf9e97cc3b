"""Escrow over HTTP: an owner sees what devices hold, and calls it back."""

from typing import Final

from litestar import get, post
from litestar.params import JSONBody

from server.access.edge import CurrentActor
from server.benefits.escrow import queries, service
from server.benefits.escrow.schemas import Recall, UnitsView
from server.kit import clock


@get("/units", summary="List units on devices")
async def units(actor: CurrentActor) -> list[UnitsView]:
    """List what the company's devices hold to promise benefits while offline."""
    return await queries.units_out(actor)


@post("/units/recall", summary="Call units back", status_code=200)
async def recall(actor: CurrentActor, data: JSONBody[Recall]) -> list[UnitsView]:
    """Call back what a device holds of a program; what it has promised is kept."""
    await service.recall(actor, data, now=clock.now())
    return await queries.units_out(actor)


AGENT: Final = [units, recall]
