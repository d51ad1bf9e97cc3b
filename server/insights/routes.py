"""Analyses over HTTP. Each handler makes one call."""

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from server.access.doors import OPEN_TO_ANALYSTS
from server.access.edge import CurrentActor
from server.insights import queries
from server.insights.schemas import Analysis, Askable, Key, NewAnalysis


@get("/", summary="List what may be analysed")
async def subjects(actor: CurrentActor) -> list[Askable]:
    """List the dimensions and measures of each subject."""
    return await queries.subjects(actor)


@get("/values/{dimension:str}", summary="List the values of a dimension")
async def values(actor: CurrentActor, dimension: FromPath[str]) -> list[Key]:
    """List what one may narrow by: teams, tags, and words that many customers carry."""
    return await queries.values(actor, dimension)


@post("/", status_code=200, opt={"is_read": True}, summary="Analyse")
async def analyse(actor: CurrentActor, data: JSONBody[NewAnalysis]) -> Analysis:
    """Count and sum customers, deals or moves by up to two dimensions; names nobody."""
    return await queries.analysis(actor, data)


router = Router(
    "/analyses",
    route_handlers=[subjects, values, analyse],
    opt=OPEN_TO_ANALYSTS,
    tags=["analyses"],
)
