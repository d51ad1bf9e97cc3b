"""The takeout over HTTP: the owner fetches the company's data."""

from litestar import Router, get
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.kit import clock
from server.takeout import service


@get(
    "/takeout",
    summary="Take all of one's data out",
    media_type="application/zip",
    opt={"time_limit_s": None},
)
async def take_out(actor: CurrentActor) -> Stream:
    """Give all data of one's company as files with a manifest; a fresh install rebuilds it."""
    packed = await service.packed(actor, now=clock.now())
    return Stream(packed.pieces(), headers=packed.headers)


router = Router("/company", route_handlers=[take_out], tags=["company"])
