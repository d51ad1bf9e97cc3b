"""A sale is paid once, though it is entered by hand and stands in a sheet, too; none lies ahead."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import SaleAlike
from server.access import Actor
from server.commissions import service
from server.commissions.rules import SaleAhead
from server.commissions.schemas import NewRefund, NewSale
from server.commissions.sheets import service as sheets
from server.commissions.sheets.schemas import NewSheetMap, SheetCounts
from server.kit.errors import IdReused
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.commissions.sheets import (
    DAY,
    a_keeper,
    a_map,
    a_plan,
    a_sheet,
    handed_in,
    recorded,
    sold_by,
    why,
)

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def finance(database: object) -> Actor:
    """Somebody of the platform's finance, whom the worker finds again."""
    del database
    return await a_keeper()


@pytest.fixture
async def by(finance: Actor, tenant: Tenant) -> NewSheetMap:
    """How sheets of an agent's sales are read."""
    await stories.admit(tenant)
    return await a_map(finance, (await a_plan(finance)).plan_id)


def by_hand(by: NewSheetMap, agent: Tenant, number: str, sold: int = 500) -> NewSale:
    """Write a sale as somebody enters it by hand."""
    assert by.column_map.plan is not None
    return NewSale(
        id=new_id(),
        plan_id=by.column_map.plan,
        contract_id=new_id(),
        contract_number=number,
        on=NOW.date(),
        sold=sold,
        sellers=[Seller(agent.tenant_id)],
    )


async def test_a_sale_by_hand_is_not_paid_again_by_a_sheet_unless_it_is_said_to_be_another(
    finance: Actor, tenant: Tenant, by: NewSheetMap
) -> None:
    n = new_id().hex[-10:]
    sale = by_hand(by, tenant, f"HT-{n}")
    await service.record_sale(finance, sale, now=NOW)
    rows = [
        f"{n}-1,,{tenant.name},HT-{n},{DAY},5",
        f"{n}-2,,{tenant.name},HT-{n},{DAY},7",
        f"{n}-3,,{tenant.name},HT-{n},{DAY},7",
        f"{n}-4,,{tenant.name},HT-{n},2026-03-01,7",
        f"{n}-5,,{tenant.name},HX-{n},{DAY},7",
    ]

    view, told = await recorded(finance, by, a_sheet(rows))
    again, _ = await recorded(finance, by, a_sheet(rows[1:2]))

    assert view.counts == SheetCounts(sales=3, refused=2)
    assert why(told[2]) == why(told[4]) == [("reference", "commission_sale_alike")]
    assert f"{sale.id}" in told[2].problems[0].detail
    assert f"{told[3].sale_id}" in told[4].problems[0].detail
    assert again.counts == SheetCounts(known=1)
    assert len(await sold_by(finance, tenant.tenant_id)) == 4

    others, _ = await recorded(finance, by, a_sheet(rows), are_others=True)
    assert others.counts == SheetCounts(sales=2, known=3)


async def test_by_hand_a_sale_alike_is_asked_about_and_one_refunded_as_a_whole_may_come_anew(
    finance: Actor, tenant: Tenant, by: NewSheetMap
) -> None:
    number = f"HT-{new_id().hex[-10:]}"
    sale = by_hand(by, tenant, number)
    await service.record_sale(finance, sale, now=NOW)
    second = by_hand(by, tenant, number)
    plan = await a_plan(finance)
    of_another_plan = msgspec.structs.replace(by_hand(by, tenant, number), plan_id=plan.plan_id)

    with pytest.raises(SaleAlike, match=f"{sale.id}") as alike:
        await service.record_sale(finance, second, now=NOW)
    with pytest.raises(SaleAlike):
        await service.record_sale(finance, of_another_plan, now=NOW)
    said = msgspec.structs.replace(second, is_another=True)
    await service.record_sale(finance, said, now=NOW)
    await service.record_sale(finance, sale, now=NOW)
    await service.record_sale(finance, second, now=NOW)

    assert alike.value.field == "is_another"
    assert len(await sold_by(finance, tenant.tenant_id)) == 2
    for each in (sale, second):
        back = NewRefund(id=new_id(), sale_id=each.id, refunded=each.sold)
        await service.refund(finance, back, now=NOW)
    await service.record_sale(finance, by_hand(by, tenant, number), now=NOW)


async def test_of_alike_sales_sent_at_once_one_is_recorded(
    finance: Actor, tenant: Tenant, by: NewSheetMap
) -> None:
    number = f"HT-{new_id().hex[-10:]}"
    plan = await a_plan(finance)
    sent = [by_hand(by, tenant, number) for _ in range(6)]
    sent[3:] = [msgspec.structs.replace(each, plan_id=plan.plan_id) for each in sent[3:]]

    answers = await asyncio.gather(
        *(service.record_sale(finance, each, now=NOW) for each in sent), return_exceptions=True
    )

    assert sum(isinstance(each, SaleAlike) for each in answers) == 5
    assert len(await sold_by(finance, tenant.tenant_id)) == 1


async def test_a_sheet_stays_what_was_said_of_it(
    finance: Actor, tenant: Tenant, by: NewSheetMap
) -> None:
    content = a_sheet([f"{new_id()},,{tenant.name},HT,{DAY},5"])
    sheet_id = new_id()
    await handed_in(finance, by, content, sheet_id=sheet_id)

    with pytest.raises(IdReused):
        await handed_in(finance, by, content, sheet_id=sheet_id, are_others=True)


async def test_a_day_that_has_not_come_in_china_is_refused_by_hand_in_a_sheet_and_in_a_look(
    finance: Actor, tenant: Tenant, by: NewSheetMap
) -> None:
    n = new_id().hex[-10:]
    sale = by_hand(by, tenant, f"HT-{n}")
    ahead = msgspec.structs.replace(sale, on=NOW.date().replace(day=3))
    content = a_sheet([f"{n},,{tenant.name},HX-{n},2026-03-03,5"])
    before_midnight = datetime(2026, 3, 2, 15, 59, tzinfo=UTC)
    midnight = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)

    with pytest.raises(SaleAhead) as refused:
        await service.record_sale(finance, ahead, now=before_midnight)
    view, told = await recorded(finance, by, content, now=before_midnight)
    seen = await sheets.preview(finance, content, now=before_midnight)
    tomorrow = await sheets.preview(finance, content, now=midnight)
    await service.record_sale(finance, ahead, now=midnight)
    later, _ = await recorded(finance, by, content, now=midnight)

    assert refused.value.field == "on"
    assert view.counts == SheetCounts(refused=1)
    assert why(told[2]) == [("day", "commission_sale_ahead")]
    assert "commission_sale_ahead" in [each.code for each in seen.problems]
    assert "commission_sale_ahead" not in [each.code for each in tomorrow.problems]
    assert later.counts == SheetCounts(sales=1)
