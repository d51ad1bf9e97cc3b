"""What is withheld of a natural person's commission: by the table, and the same in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.commissions import paying, yearly
from billing.commissions.rules.withholding import withheld_minor, withheld_of_month
from tests.billing.commissions.test_service import MAKER, a_plan, a_sale, accrue, do, earn, of, pay
from tests.factories import NOW, new_id

amounts = st.integers(1, 10**9)


@pytest.mark.parametrize(
    ("income_minor", "withheld"),
    [
        (800_00, 0),
        (2_000_00, 240_00),  # (2,000 - 800) * 20 %
        (4_000_00, 640_00),
        (10_000_00, 1_600_00),  # 8,000 * 20 %
        (25_000_00, 4_000_00),  # 20,000 * 20 %
        (30_000_00, 5_200_00),  # 24,000 * 30 % - 2,000
        (62_500_00, 13_000_00),  # 50,000 * 30 % - 2,000
        (100_000_00, 25_000_00),  # 80,000 * 40 % - 7,000
    ],
)
def test_the_table_is_that_of_the_announcement(income_minor: int, withheld: int) -> None:
    assert withheld_of_month(income_minor) == withheld


@given(st.lists(amounts, min_size=1, max_size=8))
def test_i13_a_months_payments_have_withheld_what_one_would_have(paid: list[int]) -> None:
    for pieces in (paid, sorted(paid), paid[::-1]):
        parts = [withheld_minor(sum(pieces[:at]), each) for at, each in enumerate(pieces)]
        assert sum(parts) == withheld_of_month(sum(pieces))
        assert all(0 <= part <= each for part, each in zip(parts, pieces, strict=True))


@given(amounts)
def test_a_fen_more_is_never_withheld_more_than_a_fen_of(income_minor: int) -> None:
    assert 0 <= withheld_of_month(income_minor + 1) - withheld_of_month(income_minor) <= 1


@pytest.mark.usefixtures("database")
async def test_a_payouts_table_counts_what_the_month_has_paid_before() -> None:
    plan, person, company = await a_plan(), new_id(), new_id()
    for sold in (20_000_00, 30_000_00):
        for agent in (person, company):
            await accrue(a_sale(plan, agent, sold))
        await earn()
        if sold == 20_000_00:
            first = await pay()
    second = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)

    [before] = await do(yearly.withholding, first.id, [person], now=NOW)
    [told] = await do(yearly.withholding, second.id, [person], now=NOW)

    assert before.payment_id == of(first, person).id
    assert (before.month_before_minor, before.withheld_minor) == (0, 240_00)
    assert (told.amount_minor, told.month_before_minor) == (3_000_00, 2_000_00)
    # Of 5,000 together 4,000 are taxed: 800 in all, of which 240 were withheld.
    assert (told.withheld_minor, told.net_minor) == (560_00, 2_440_00)
