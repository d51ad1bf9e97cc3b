"""Commission (佣金) of one's own company: of a month line by line, of a year by month and plan."""

import re
from datetime import date
from typing import Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath

from partner_portal.commissions import years
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from partner_portal.statements.pages import LINES_SHOWN
from server.access.edge import CurrentActor
from server.commissions import exports, queries
from server.commissions.exports import XLSX
from server.commissions.schemas import MONTH
from server.kit import clock
from server.kit.calendars import ZONE
from server.kit.sheets import CSV
from server.statements import queries as statements

_CURRENCY: Final = "CNY"


@get("/commissions")
async def commissions(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show a month's movements with what stood before and after, and what sales pay when."""
    query = request.query_params
    asked = query.get("month", "")
    month = asked if re.match(MONTH, asked) else f"{_today():%Y-%m}"
    told = await queries.own_statement(actor, month, _CURRENCY)
    page = await queries.own_lines(actor, cursor=query.get("cursor") or None)
    behind = await queries.own_behind(
        actor, [each.transfer_id for each in told.lines], [each.id for each in page.items]
    )
    return renderer.page(
        request,
        "commissions/templates/commissions.html",
        month=month,
        told=told,
        page=page,
        behind=behind,
        sale_of={sale.line_id: sale for sale in behind.sales},
        **await frame(request, actor),
    )


@get("/commissions/lines/{line_id:uuid}")
async def line(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, line_id: FromPath[UUID]
) -> Response[Any]:
    """Show the sale behind a line, what was refunded of it, and where that stands."""
    sale = await queries.own_sale(actor, line_id)
    moves = await queries.own_moves(actor, line_id)
    placed = await statements.own_places(actor, [each.transfer_id for each in moves])
    return renderer.page(
        request,
        "commissions/templates/line.html",
        sale=sale,
        refunds=[(each.on, each) for each in sale.refunds],
        taken_minor=sum(each.commission_minor for each in sale.refunds),
        moves=moves,
        places={each.transfer_id: each for each in placed},
        shown=LINES_SHOWN,
        **await frame(request, actor),
    )


@get("/commissions/year")
async def year(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show a year by month and plan."""
    told = await queries.own_year(actor, years.asked(request, _today()))
    return renderer.page(
        request,
        "commissions/templates/year.html",
        told=told,
        years=years.offered(_today()),
        **await frame(request, actor),
    )


@get("/commissions/year.csv", media_type=CSV)
async def year_csv(request: AnyRequest, actor: CurrentActor) -> Response[bytes]:
    """Give a year as CSV."""
    return exports.year_as_csv(await queries.own_year(actor, years.asked(request, _today())))


@get("/commissions/year.xlsx", media_type=XLSX)
async def year_xlsx(request: AnyRequest, actor: CurrentActor) -> Response[bytes]:
    """Give a year as XLSX."""
    return exports.year_as_xlsx(await queries.own_year(actor, years.asked(request, _today())))


def _today() -> date:
    """Give the day in China."""
    return clock.now().astimezone(ZONE).date()


HANDLERS = [commissions, line, year, year_csv, year_xlsx]
