"""Stories of sheets of sales that finance hands in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pytest

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.schemas import ChosenSales, SaleRow
from server.access import Actor, Role
from server.commissions import queries as commissions
from server.commissions import service as kept
from server.commissions.sheets import queries, service
from server.commissions.sheets.columns import SaleField, SaleMap
from server.commissions.sheets.schemas import NewSheet, NewSheetMap, SheetRow, SheetView
from server.identity import service as identity
from tests.factories import NOW, make_platform_actor, new_id, new_user

PASSWORD = "correct horse 1729 staple"
DAY = f"{NOW:%Y-%m-%d}"
COLUMNS = {
    SaleField.REFERENCE: "单号",
    SaleField.SALE: "原单号",
    SaleField.AGENT: "代理商",
    SaleField.CONTRACT: "合同号",
    SaleField.DAY: "日期",
    SaleField.SOLD: "金额",
}
HEADER = "单号,原单号,代理商,合同号,日期,金额"


async def a_keeper() -> Actor:
    """Let somebody of the platform's finance sign in."""
    finance = make_platform_actor(Role.PLATFORM_FINANCE)
    await identity.add_staff(new_user(finance, team_id=None), password=PASSWORD, now=NOW)
    return finance


async def a_plan(
    finance: Actor,
    *,
    measure: Measure = Measure.REVENUE,
    currency: str = "CNY",
    rate: int = 100_000,
    upline_ppm: Sequence[int] = (),
) -> PlanVersion:
    """Publish a plan of 10 % of what is sold, or of a rate for each piece, from this month on."""
    version = PlanVersion(
        id=new_id(),
        plan_id=new_id(),
        begins_on=NOW.date().replace(day=1),
        currency=currency,
        measure=measure,
        tiers=[Tier(at_least=0, rate=rate)],
        upline_ppm=list(upline_ppm),
    )
    return await kept.publish(finance, version, now=NOW)


async def a_map(
    finance: Actor, plan_id: UUID | None, columns: dict[SaleField, str] | None = None
) -> NewSheetMap:
    """Save how sheets are read."""
    by = SaleMap(columns=columns or COLUMNS, plan=plan_id)
    return await service.save_map(
        finance, NewSheetMap(id=new_id(), name="ERP", column_map=by), now=NOW
    )


def a_sheet(rows: Sequence[str], header: str = HEADER) -> bytes:
    """Write a CSV."""
    return "\n".join([header, *rows, ""]).encode()


async def handed_in(
    finance: Actor,
    by: NewSheetMap,
    content: bytes,
    *,
    sheet_id: UUID | None = None,
    are_others: bool = False,
) -> SheetView:
    """Hand a sheet in."""
    sent = NewSheet(
        id=sheet_id or new_id(), map_id=by.id, file_name="九月.csv", are_others=are_others
    )
    return await service.hand_in(finance, sent, content, now=NOW)


async def recorded(
    finance: Actor,
    by: NewSheetMap,
    content: bytes,
    *,
    now: datetime = NOW,
    are_others: bool = False,
) -> tuple[SheetView, dict[int, SheetRow]]:
    """Have a sheet recorded; give it, and its rows by their lines."""
    view = await handed_in(finance, by, content, are_others=are_others)
    await service.go_on(view.id, now=now)
    return await queries.sheet(finance, view.id), await rows_of(finance, view.id)


async def rows_of(
    finance: Actor, sheet_id: UUID, *, only_refused: bool = False
) -> dict[int, SheetRow]:
    """Read what became of a sheet's rows."""
    found: dict[int, SheetRow] = {}
    cursor: str | None = None
    for _ in range(1_000):
        page = await queries.rows(
            finance, sheet_id, only_refused=only_refused, cursor=cursor, now=NOW
        )
        found |= {each.row: each for each in page.items}
        cursor = page.next_cursor
        if cursor is None:
            return found
    pytest.fail("a sheet's rows come to an end")


async def sold_by(finance: Actor, agent_id: UUID) -> list[SaleRow]:
    """List what an agent has sold."""
    found: list[SaleRow] = []
    cursor: str | None = None
    for _ in range(1_000):
        asked = ChosenSales(agent_id=agent_id)
        page = await commissions.sales(finance, asked, cursor=cursor, now=NOW)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
    pytest.fail("what an agent has sold comes to an end")


def why(row: SheetRow) -> list[tuple[str, str]]:
    """Say of a row which columns were refused, and why."""
    return [(each.field, each.code) for each in row.problems]
