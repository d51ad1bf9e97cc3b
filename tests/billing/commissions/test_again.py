"""What is sent again is answered the same; the same id with anything else is refused (I7)."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from billing.commissions import paying, queries, service
from billing.commissions.rules.clawbacks import RefundTooLarge
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import CommissionKeyReused, Correction, Refund
from server.kit import db
from tests.billing.books import OPERATOR
from tests.billing.commissions.test_service import (
    CHECKER,
    MAKER,
    a_plan,
    a_sale,
    accrue,
    do,
    earn,
    of,
    owed,
    pay,
    refund,
)
from tests.factories import new_id

pytestmark = pytest.mark.usefixtures("database")


async def both(*work: Awaitable[Any]) -> tuple[list[Any], list[BaseException]]:
    """Do things at once; give what came of them and what was refused."""
    told = await asyncio.gather(*work, return_exceptions=True)
    refused = [each for each in told if isinstance(each, BaseException)]
    return [each for each in told if not isinstance(each, BaseException)], refused


async def test_i7_a_sale_under_the_same_id_is_the_same_sale_to_the_last_share() -> None:
    plan, one, other, upper = await a_plan(upline_ppm=[100_000]), new_id(), new_id(), new_id()
    shared = [Seller(one, 1), Seller(other, 1)]
    sale = msgspec.structs.replace(a_sale(plan, one), sellers=shared)
    lines = await accrue(sale, {one: upper})

    assert await accrue(sale, {one: upper}) == lines
    for sellers, above in (
        ([Seller(one, 1), Seller(other, 3)], {one: upper}),
        ([Seller(one, 1)], {one: upper}),
        (shared, {one: other}),
        (shared, {}),
    ):
        altered = msgspec.structs.replace(sale, sellers=sellers)
        with pytest.raises(CommissionKeyReused):
            await accrue(altered, above)
    assert await do(queries.lines_of, sale.id) == lines


async def test_i7_two_sales_of_one_id_at_once_are_one_sale_and_one_refusal() -> None:
    plan, agents = await a_plan(), [new_id(), new_id()]
    first = a_sale(plan, agents[0])
    second = msgspec.structs.replace(first, sellers=[Seller(agents[1])])
    ready = asyncio.Barrier(2)

    async def sell(sale: Any) -> Any:
        async with db.platform_transaction(OPERATOR):
            await db.connection().fetchval("SELECT 1")
            await ready.wait()
            return await service.accrue(sale, {}, MAKER)

    told, refused = await both(sell(first), sell(second))

    assert len(told) == 1
    assert [type(each) for each in refused] == [CommissionKeyReused]


async def test_i7_two_refunds_of_one_id_at_once_are_one_refund_and_one_refusal() -> None:
    plan, agent = await a_plan(), new_id()
    sales = [a_sale(plan, agent), a_sale(plan, agent)]
    for sale in sales:
        await accrue(sale)
    once = new_id()
    ready = asyncio.Barrier(2)

    async def take_back(asked: Refund) -> Any:
        async with db.platform_transaction(OPERATOR):
            await db.connection().fetchval("SELECT 1")
            await ready.wait()
            return await service.refund(asked, MAKER)

    told, refused = await both(
        *(take_back(Refund(id=once, sale_id=sale.id, refunded=100)) for sale in sales)
    )

    assert len(told) == 1
    assert [type(each) for each in refused] == [CommissionKeyReused]


async def test_i7_a_correction_is_of_its_own_line_alone() -> None:
    plan, agent = await a_plan(), new_id()
    [line], [other] = [await accrue(a_sale(plan, agent)) for _ in range(2)]
    asked = Correction(id=new_id(), line_id=line.id, amount_minor=70, reason="漏算")
    await do(service.correct, asked, MAKER)

    with pytest.raises(CommissionKeyReused):
        await do(service.correct, msgspec.structs.replace(asked, line_id=other.id), MAKER)
    assert await owed(agent) == 70


async def test_i7_a_batch_of_the_same_id_has_the_same_minimum() -> None:
    plan, agent = await a_plan(), new_id()
    await accrue(a_sale(plan, agent))
    await earn()
    batch = await do(paying.make_batch, new_id(), MAKER, minimum_minor=100_00)

    assert await do(paying.make_batch, batch.id, CHECKER, minimum_minor=100_00) == batch
    with pytest.raises(CommissionKeyReused):
        await do(paying.make_batch, batch.id, MAKER, minimum_minor=1)
    assert of(batch, agent).state is PaymentState.DRAFTED


async def test_a_sale_that_pays_nobody_cannot_be_refunded_beyond_itself_either() -> None:
    plan, agent = await a_plan(tiers=[{"at_least": 0, "rate": 0}]), new_id()
    sale = a_sale(plan, agent, 100)
    assert await accrue(sale) == []
    await refund(sale, 60)

    with pytest.raises(RefundTooLarge):
        await refund(sale, 41)
    assert of(await pay(), agent) is None
