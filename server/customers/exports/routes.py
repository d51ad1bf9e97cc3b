"""Exports of customers over HTTP, beside their list and with its filters."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.customers.exports import service as exports
from server.customers.exports.sheets import Words
from server.customers.schemas import Filters
from server.kit import clock
from server.kit.sheets import CSV, attached

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@get(
    "/export.csv",
    summary="Export customers as CSV",
    media_type=CSV,
    opt={"time_limit_s": None},
)
async def export_csv(
    actor: CurrentActor, filters: NamedDependency[Filters], words: FromQuery[Words] = Words.KEYS
) -> Stream:
    """Give the customers within sight that the filters leave, as CSV."""
    blocks = await exports.as_csv(actor, filters, words, now=clock.now())
    return Stream(blocks, media_type=CSV, headers=attached("customers.csv"))


@get(
    "/export.xlsx",
    summary="Export customers as a workbook",
    media_type=_XLSX,
    opt={"time_limit_s": None},
)
async def export_xlsx(
    actor: CurrentActor, filters: NamedDependency[Filters], words: FromQuery[Words] = Words.KEYS
) -> Stream:
    """Give the customers within sight that the filters leave, as a workbook."""
    blocks = await exports.as_xlsx(actor, filters, words, now=clock.now())
    return Stream(blocks, media_type=_XLSX, headers=attached("customers.xlsx"))


EXPORTS = (export_csv, export_xlsx)
