"""A month of commission, as the product books it, becomes vouchers (S98)."""

from datetime import timedelta

import msgspec
import pytest

from billing.commissions import paying, service, taxes
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.schemas import NaturalPersonSaid, TaxPayment
from billing.periods.schemas import PeriodState, PeriodView
from server.access import PLATFORM_TENANT
from tests.billing.accounting_vouchers.test_service import (  # noqa: F401 - fixtures
    chart,
    check,
    close,
    make,
    month,
    rows,
    ties,
)
from tests.billing.commissions.test_service import (
    CHECKER,
    MAKER,
    WHY,
    a_plan,
    a_sale,
    accrue,
    do,
    of,
)
from tests.factories import new_id


@pytest.mark.usefixtures("chart")
async def test_s98_payments_with_their_tax_become_vouchers_that_tie(
    month: PeriodView,  # noqa: F811 - the fixture
) -> None:
    at = {"now": month.starts_at + timedelta(days=1)}
    keeper, checker = (msgspec.structs.replace(each, **at) for each in (MAKER, CHECKER))
    plan, agent = await a_plan(), new_id()
    said = NaturalPersonSaid(id=new_id(), agent_id=agent, is_one=True)
    await do(taxes.say, said, keeper)
    for last, why in (
        (PaymentState.FAILED, WHY),
        (PaymentState.RETURNED, WHY),
        (PaymentState.PAID, None),
    ):
        if last is PaymentState.FAILED:
            await accrue(a_sale(plan, agent, 20_000_00))
            await do(service.earn_due, new_id(), MAKER.now.date(), keeper)
        batch = await do(paying.make_batch, new_id(), keeper, minimum_minor=1)
        gone = of(await do(paying.approve, batch.id, batch.hash, checker), agent)
        if last is not PaymentState.FAILED:
            await do(paying.settle, gone.id, PaymentState.PAID, keeper)
        await do(paying.settle, gone.id, last, keeper, reason=why)
    owed = (await do(taxes.owed, PLATFORM_TENANT)).owed_minor
    await do(taxes.pay, TaxPayment(id=new_id(), amount_minor=owed), keeper)
    await close(month, PeriodState.HARD_CLOSED)

    await check(await make(month))

    told = {summary.partition("日")[2]: minor for _, _, summary, minor in await rows(month)}
    assert told["代扣个人所得税 3笔"] == 3 * 240_00
    assert told["冲回代扣个人所得税 2笔"] == 2 * 240_00
    assert told["缴纳代扣个人所得税 1笔"] == owed == 240_00
    assert told["支付渠道佣金 2笔"] == 2 * 1_760_00
    assert await ties(month) == 0
