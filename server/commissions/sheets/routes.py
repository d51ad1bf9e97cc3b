"""Sheets of sales over HTTP: the platform's finance alone."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.commissions.sheets import exports, queries, service
from server.commissions.sheets.schemas import (
    FILE_BYTES_MAX,
    NewSheet,
    NewSheetMap,
    SheetRow,
    SheetView,
)
from server.kit import clock, sheets
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.text import PRINTABLE

FileName = Annotated[str, QueryParameter(min_length=1, max_length=200, pattern=PRINTABLE)]
Encoding = Annotated[str | None, QueryParameter(pattern=r"\A(utf-8|utf-8-sig|gb18030|utf-16)\Z")]
_MAPS: Final = "/commission-sheet-maps"
_SHEETS: Final = "/commission-sheets"
_ONE: Final = f"{_SHEETS}/{{sheet_id:uuid}}"


@post(_MAPS, summary="Save how sheets of sales are read")
async def save_map(actor: CurrentActor, data: JSONBody[NewSheetMap]) -> NewSheetMap:
    """Save which column is for what; a changed map is one of its own."""
    return await service.save_map(actor, data, now=clock.now())


@get(_MAPS, summary="List how sheets of sales are read")
async def maps(actor: CurrentActor) -> list[NewSheetMap]:
    """List the saved maps, the newest first."""
    return await queries.maps(actor)


@post(
    _SHEETS,
    summary="Hand a sheet of sales in",
    request_max_body_size=FILE_BYTES_MAX,
    opt={"time_limit_s": 60.0},
)
async def hand_in(
    request: Request[Any, Any, Any],
    actor: CurrentActor,
    id: FromQuery[UUID],  # noqa: A002 - the name in every request
    map_id: FromQuery[UUID],
    file_name: FileName,
    encoding: Encoding = None,
    are_others: FromQuery[bool] = False,  # noqa: FBT002 - a query's parameter
) -> SheetView:
    """Take a CSV or XLSX of sales and refunds, sent as the body; a worker records its rows.

    A row with the number of a sale is a refund of it. Each row is known by its own number: one
    that was recorded before changes nothing. What cannot be recorded is listed with its reason,
    such as sales alike to others, unless these are said to be others.
    """
    sent = NewSheet(
        id=id, map_id=map_id, file_name=file_name, encoding=encoding, are_others=are_others
    )
    return await service.hand_in(actor, sent, await request.body(), now=clock.now())


@get(_SHEETS, summary="List sheets of sales")
async def list_sheets(actor: CurrentActor, cursor: PageCursor = None) -> Page[SheetView]:
    """List the sheets, those that were handed in last first."""
    return await queries.sheets(actor, cursor=cursor)


@get(f"{_SHEETS}/template.csv", summary="Get the sheet to fill in", media_type=sheets.CSV)
async def template(actor: CurrentActor) -> Response[bytes]:
    """Give an empty sheet whose columns are known."""
    return exports.template(actor)


@get(_ONE, summary="One sheet of sales")
async def sheet(actor: CurrentActor, sheet_id: FromPath[UUID]) -> SheetView:
    """Give how far a sheet has come, and how many rows came to what."""
    return await queries.sheet(actor, sheet_id)


@get(f"{_ONE}/rows", summary="What became of a sheet's rows")
async def rows(
    actor: CurrentActor,
    sheet_id: FromPath[UUID],
    refused: FromQuery[bool] = False,  # noqa: FBT002 - a query's parameter
    cursor: PageCursor = None,
) -> Page[SheetRow]:
    """List what became of each row, sales before refunds; the agents that are named are told."""
    return await queries.rows(actor, sheet_id, only_refused=refused, cursor=cursor, now=clock.now())


@get(f"{_ONE}/refused.csv", summary="The refused rows of a sheet", media_type=sheets.CSV)
async def refused_rows(actor: CurrentActor, sheet_id: FromPath[UUID]) -> Stream:
    """Give the refused rows as they were, with the reasons: to be corrected and sent again."""
    blocks = await exports.refused(actor, sheet_id, now=clock.now())
    return sheets.answer(blocks, "refused.csv")


PLATFORM: Final = [
    *(save_map, maps, hand_in, list_sheets, template, sheet, rows, refused_rows),
]
