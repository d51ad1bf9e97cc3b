"""What of a year's commission may be deducted: the parts are the whole, and nothing is guessed."""

import hashlib
import random
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from billing.commissions import paying, queries, service, taxes, yearly
from billing.commissions.books import Books
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.schemas import (
    ChosenSales,
    CommissionKeyReused,
    ContractMeter,
    NaturalPersonSaid,
    Refund,
    RevenueDiffers,
    Sale,
)
from billing.commissions.service import _fingerprint, refund
from tests.billing.commissions.test_service import (
    MAKER,
    TODAY,
    WHY,
    a_plan,
    a_sale,
    accrue,
    do,
    earn,
    of,
    owed,
    pay,
)
from tests.factories import NOW, new_id

pytestmark = pytest.mark.usefixtures("database")


async def of_contract(contract_id: Any, *, year: int = TODAY.year) -> ContractMeter:
    """Meter one contract."""
    [found] = await do(yearly.contracts, year, only=[contract_id])
    assert isinstance(found, ContractMeter)
    return found


async def test_a_contract_is_held_against_a_twentieth_of_what_is_left_of_its_revenue() -> None:
    plan, agent = await a_plan(), new_id()
    sale = a_sale(plan, agent)
    await accrue(sale)
    held = await of_contract(sale.contract_id)
    await earn()
    [payment] = [of(await pay(), agent)]
    await do(paying.settle, payment.id, PaymentState.PAID, MAKER)
    back = Refund(id=new_id(), sale_id=sale.id, refunded=400_00, reason="退货")
    await do(refund, back, MAKER)

    left = await of_contract(sale.contract_id)

    assert (held.revenue_minor, held.commission_minor, held.paid_minor) == (1_000_00, 100_00, 0)
    assert (held.limit_minor, held.excess_minor, held.share_ppm) == (50_00, 50_00, 100_000)
    assert (left.revenue_minor, left.commission_minor, left.paid_minor) == (600_00, 60_00, 100_00)
    assert (left.deductible_minor, left.excess_minor) == (30_00, 30_00)
    [kept] = await do(queries.refunds_of, sale.id)
    assert (kept.refunded, kept.reason) == (400_00, "退货")
    with pytest.raises(CommissionKeyReused):
        await do(refund, msgspec.structs.replace(back, reason="换货"), MAKER)


async def test_revenue_that_nobody_has_said_is_unknown_and_not_nothing() -> None:
    by_piece = await a_plan(measure="units", tiers=[{"at_least": 0, "rate": 10_00}])
    said = msgspec.structs.replace(a_sale(by_piece, new_id(), 3), revenue_minor=900_00)
    unsaid = msgspec.structs.replace(
        a_sale(by_piece, new_id(), 2), contract_id=said.contract_id, contract_number="合-2026-7"
    )
    await accrue(said)
    await accrue(unsaid)

    found = await of_contract(said.contract_id)

    assert (found.sales, found.unknown_sales, found.contract_number) == (2, 1, "合-2026-7")
    assert (found.revenue_minor, found.commission_minor) == (900_00, 30_00)
    assert (found.unmetered_minor, found.excess_minor) == (20_00, 0)


async def test_a_payout_names_the_contracts_that_it_pays_for() -> None:
    plan, agent = await a_plan(), new_id()
    now, before = a_sale(plan, agent), a_sale(plan, agent)
    earlier = await a_plan(begins_on=date(TODAY.year - 1, 1, 1))
    before = msgspec.structs.replace(
        before, plan_id=earlier.plan_id, on=date(TODAY.year - 1, 12, 31)
    )
    for sale in (now, before):
        await accrue(sale)
    await earn()
    batch = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)

    behind = dict(await do(yearly.behind, batch.id))

    assert now.contract_id in behind[TODAY.year]
    assert before.contract_id in behind[TODAY.year - 1]
    assert now.contract_id not in behind[TODAY.year - 1]


async def test_i13_a_years_contracts_sum_to_its_totals_in_whatever_order_they_came() -> None:
    first = await _told(random.Random(20261129), 2031, is_turned=False)
    second = await _told(random.Random(20261129), 2032, is_turned=True)

    for each in (first, second):
        assert each["revenue"] == each["expected_revenue"]
        assert each["deductible"] + each["excess"] == each["commission"]
    assert first == second


async def _told(rng: random.Random, year: int, *, is_turned: bool) -> dict[str, int]:
    """Record random sales of a year, forwards or backwards, and give what its totals say."""
    plan = await a_plan(begins_on=date(year, 1, 1))
    contracts = [new_id(), new_id()]
    made: list[tuple[Sale, int]] = []
    for _ in range(12):
        sold = rng.randint(1, 10**7)
        sale = msgspec.structs.replace(
            a_sale(plan, new_id(), sold),
            contract_id=rng.choice(contracts),
            on=date(year, rng.randint(1, 12), rng.randint(1, 28)),
        )
        made.append((sale, rng.choice([0, rng.randint(1, sold)])))
    for sale, refunded in reversed(made) if is_turned else made:
        await accrue(sale)
        if refunded:
            await do(refund, Refund(id=new_id(), sale_id=sale.id, refunded=refunded), MAKER)
    metered = await do(yearly.contracts, year)
    [total] = yearly.totals([each for each in metered if each.contract_id in contracts])
    return {
        "revenue": total.revenue_minor,
        "expected_revenue": sum(sale.sold - refunded for sale, refunded in made),
        "commission": total.commission_minor,
        "deductible": total.deductible_minor,
        "excess": total.excess_minor,
    }


async def test_i14_a_year_by_month_and_plan_sums_to_what_moved_the_account() -> None:
    """Two plans, a refund after the payout, a payment that came back: each in its month."""
    agent, march, april = new_id(), at(3), at(4)
    one, other = await a_plan(), await a_plan(tiers=[{"at_least": 0, "rate": 30_000}])
    sales = [a_sale(one, agent), a_sale(other, agent)]
    for sale in sales:
        await accrue(sale)
    await do(service.earn_due, new_id(), TODAY, march)
    batch = await do(paying.make_batch, new_id(), march, minimum_minor=1)
    await do(paying.approve, batch.id, batch.hash, checker(march))
    await do(paying.settle, of(batch, agent).id, PaymentState.PAID, april)
    await do(refund, Refund(id=new_id(), sale_id=sales[0].id, refunded=500_00), april)

    told = await do(yearly.of_agent, agent, april.now.year)
    nothing = await do(yearly.of_agent, agent, april.now.year + 1)

    lines = {
        (each.month.month, each.plan_id): (
            each.earned_minor,
            each.clawed_back_minor,
            each.paid_minor,
        )
        for each in told.lines
    }
    assert lines == {
        (3, one.plan_id): (100_00, 0, 0),
        (3, other.plan_id): (30_00, 0, 0),
        (4, one.plan_id): (0, -50_00, 100_00),
        (4, other.plan_id): (0, 0, 30_00),
    }
    [total] = told.totals
    moved = total.earned_minor + total.clawed_back_minor + total.corrected_minor
    assert moved - total.paid_minor == await owed(agent)
    assert (nothing.lines, nothing.totals) == ([], [])

    await do(paying.settle, of(batch, agent).id, PaymentState.RETURNED, april, reason=WHY)
    [returned] = (await do(yearly.of_agent, agent, april.now.year)).totals
    assert (returned.paid_minor, returned.returned_minor) == (130_00, -130_00)
    assert (returned.net_minor, returned.earned_minor) == (0, 130_00)


async def test_i14_what_comes_back_in_a_later_year_stays_paid_in_the_earlier_one() -> None:
    plan, agent = await a_plan(), new_id()
    said = NaturalPersonSaid(id=new_id(), agent_id=agent, is_one=True)
    await do(taxes.say, said, MAKER)
    await accrue(a_sale(plan, agent, 20_000_00))
    paid_at, returned_at = at(12), at(1, years_ago=0)
    await do(service.earn_due, new_id(), TODAY, paid_at)
    batch = await do(paying.make_batch, new_id(), paid_at, minimum_minor=1)
    await do(paying.approve, batch.id, batch.hash, checker(paid_at))
    await do(paying.settle, of(batch, agent).id, PaymentState.PAID, paid_at)
    await do(paying.settle, of(batch, agent).id, PaymentState.RETURNED, returned_at, reason=WHY)

    before = await do(yearly.of_agent, agent, paid_at.now.year)
    after = await do(yearly.of_agent, agent, NOW.year)

    [line], [total] = before.lines, before.totals
    assert (line.month.month, line.paid_minor, line.returned_minor) == (12, 2_000_00, 0)
    assert (total.paid_minor, total.withheld_minor, total.net_minor) == (
        *(2_000_00, 240_00, 1_760_00),
    )
    [line], [total] = after.lines, after.totals
    assert (line.month, line.paid_minor, line.returned_minor) == (
        *(date(NOW.year, 1, 1), 0, -2_000_00),
    )
    assert (total.paid_minor, total.withheld_minor, total.net_minor) == (0, -240_00, -1_760_00)
    [paid], [back] = before.payments, after.payments
    assert (paid.is_return, back.is_return, back.on) == (False, True, date(NOW.year, 1, 1))
    assert paid.amount_minor + back.amount_minor == 0


def at(month: int, *, years_ago: int = 1) -> Books:
    """Keep books in the first minutes of a month in China; in UTC it is the month before."""
    now = datetime(NOW.year - years_ago, month, 1, 0, 5, tzinfo=ZoneInfo("Asia/Shanghai"))
    return msgspec.structs.replace(MAKER, now=now.astimezone(UTC))


def checker(books: Books) -> Books:
    """Let somebody else do something at the same time."""
    return msgspec.structs.replace(books, actor_id=new_id())


async def test_a_list_of_sales_says_what_each_was_paid_by() -> None:
    plan, agent = await a_plan(hold_days=30), new_id()
    first, second = a_sale(plan, agent), a_sale(plan, agent, 500_00)
    for sale in (first, second):
        await accrue(sale)
    chosen = ChosenSales(agent_id=agent, plan_id=plan.plan_id, since=TODAY, until=TODAY)

    page = await do(queries.sales, chosen, before=None, limit=1)
    rest = await do(queries.sales, chosen, before=(page[0].on, page[0].id), limit=5)

    rows = {row.id: row for row in [*page, *rest]}
    assert rows.keys() == {first.id, second.id}
    assert [rows[sale.id].tier_base for sale in (first, second)] == [0, 1_000_00]
    assert rows[first.id].commission_minor == 100_00
    other = msgspec.structs.replace(chosen, contract_id=new_id())
    assert await do(queries.sales, other, before=None, limit=5) == []


async def test_a_sale_of_a_revenue_plan_says_no_other_revenue() -> None:
    sale = a_sale(await a_plan(), new_id())

    with pytest.raises(RevenueDiffers):
        await accrue(msgspec.structs.replace(sale, revenue_minor=1))
    assert await accrue(msgspec.structs.replace(sale, revenue_minor=sale.sold))


async def test_what_is_left_unsaid_leaves_a_sales_digest_as_it_was() -> None:
    """Sales from before these fields were digested without them."""
    sale = a_sale(await a_plan(), new_id())
    before = msgspec.defstruct("Sale", [(n, Any) for n in _FIRST], kw_only=True)
    old = before(**{name: getattr(sale, name) for name in _FIRST})

    said = msgspec.json.encode([msgspec.to_builtins(old), []], order="deterministic")
    assert _fingerprint(sale, {}) == hashlib.sha256(said).digest()
    numbered = msgspec.structs.replace(sale, contract_number="甲-1")
    assert _fingerprint(numbered, {}) != _fingerprint(sale, {})


_FIRST = ("id", "plan_id", "contract_id", "on", "sold", "sellers")
