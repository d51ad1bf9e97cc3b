"""The bug museum: what went wrong in public elsewhere, in a few naive lines, and not here.

Each exhibit names its source, shows that the naive way has the bug, and that ours has not. What
takes several callers at once is in `test_museum_races`.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import count, permutations
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from benchmarks import journal_check
from billing.commissions.rules import clawbacks, payouts, plans
from billing.commissions.rules.payouts import Item, Payment, PaymentState
from billing.commissions.rules.plans import Measure, PlanUnsound, PlanVersion, Tier
from billing.exchange import rules as exchange
from billing.exchange.schemas import Rate
from billing.issuance.schemas import IssuanceState
from billing.journal import beancount
from billing.journal.schemas import Journal, JournalAccount, JournalTransaction
from billing.ledger.schemas import AccountKind, Code
from billing.money import Money
from billing.reconciliation.rules import cells
from billing.reconciliation.rules.findings import Terms
from billing.reconciliation.rules.lines import Book, Line, Words
from billing.reconciliation.rules.matching import reconcile
from billing.redemptions import rules as redemptions
from billing.redemptions.schemas import Kind, Standing, Wish
from billing.sealing import tree
from tests.factories import NOW

MONDAY = date(2026, 3, 2)
AGENT = UUID(int=1)


# ------------------------------------------------------------------------------ parts and wholes


def test_spliit_374_a_third_of_a_yuan_three_times_is_not_99_fen() -> None:
    """https://github.com/spliit-app/spliit/issues/374: each share is rounded by itself."""
    assert sum(round(100 / 3) for _ in range(3)) == 99

    parts = Money(100, "CNY").allocate([1, 1, 1])

    assert sum(part.amount_minor for part in parts) == 100


def test_lago_api_4313_rounding_early_and_late_gives_one_sum() -> None:
    """https://github.com/getlago/lago-api/pull/4313: parts are rounded, then added up."""
    assert sum(round(3 * 0.25) for _ in range(10)) != int(30 * 0.25)
    quarter = _percent(250_000)

    pieces = sum(plans.commission_minor(quarter, 3 * sold, 3) for sold in range(10))

    assert pieces == plans.paid_for(quarter, 30) == 7


def test_lago_api_4642_both_sides_count_the_same_figure() -> None:
    """https://github.com/getlago/lago-api/pull/4642: the wallet rounds, the invoice cuts off."""
    exact = Decimal("14.29") * Decimal("1.24")
    assert round(exact, 2) - Decimal(int(exact * 100)) / 100 == Decimal("0.01")

    rate = Rate(124, 100)
    converted = exchange.convert(Money(1429, "EUR"), rate, "USD")

    # One figure is booked, and what it leaves over is written beside it.
    assert 1429 * rate.num == converted.amount.amount_minor * rate.den + converted.rest_num


def test_beancount_246_a_total_is_not_lost_in_a_price_for_each() -> None:
    """https://github.com/beancount/beancount/issues/246: a total becomes a price with a residue."""
    given, total = Decimal("42.30"), Decimal(5640)
    assert given * (total / given) != total

    converted = exchange.convert(Money(4230, "USD"), Rate(564_000, 4230), "CNY")

    assert (converted.amount.amount_minor, converted.rest_num) == (564_000, 0)


def test_oscar_2010_no_share_is_more_than_all() -> None:
    """https://github.com/django-oscar/django-oscar/pull/2010: 120 % off makes a total negative."""
    assert 100 - 100 * 120 // 100 < 0

    with pytest.raises(PlanUnsound):
        plans.ensure_sound(_percent(1_200_000))


def _percent(rate: int) -> PlanVersion:
    """Write a plan that pays one share of the revenue, in millionths."""
    return PlanVersion(
        id=UUID(int=2),
        plan_id=UUID(int=3),
        begins_on=MONDAY,
        currency="CNY",
        measure=Measure.REVENUE,
        tiers=[Tier(at_least=0, rate=rate)],
    )


# ------------------------------------------------------------------------------ what files say


@pytest.mark.parametrize(
    ("naive", "cell", "wrong", "currency", "right"),
    [
        # https://github.com/deadlocker8/BudgetMaster/issues/740
        pytest.param(lambda cell: int(cell * 100), 9.7, 969, "CNY", 970, id="budgetmaster-740"),
        # https://github.com/dilshod/xlsx2csv/issues/28
        pytest.param(
            "{:.17g}".format, 133.8, "133.80000000000001", "CNY", 13_380, id="xlsx2csv-28"
        ),
        # https://github.com/dilshod/xlsx2csv/issues/49
        pytest.param("{:.17g}".format, 0.103, "0.10299999999999999", "KWD", 103, id="xlsx2csv-49"),
    ],
)
def test_what_a_spreadsheet_keeps_as_a_float_is_read_as_it_was_written(
    naive: Callable[[float], object], cell: float, wrong: object, currency: str, right: int
) -> None:
    assert naive(cell) == wrong

    assert cells.amount_minor(cell, currency) == right


def test_firefly_iii_1037_two_equal_payments_are_two() -> None:
    """https://github.com/firefly-iii/firefly-iii/issues/1037: the second is taken for a double."""
    twice = [
        Line(number=n, amount_minor=250, currency="CNY", on=MONDAY, customer="c", program="p")
        for n in (1, 2)
    ]
    assert len({(line.amount_minor, line.on, line.customer) for line in twice}) == 1

    words = Words()
    found = reconcile(Book.of(twice, words), Book.of(twice, words), Terms())

    assert found.breaks == []
    assert sorted(number for match in found.matches() for number in match.here) == [1, 2]


def test_beancount_411_a_balance_that_is_a_fen_off_is_noticed(tmp_path: Path) -> None:
    """https://github.com/beancount/beancount/issues/411: 25.01 passes for 25.00.

    The naive twin is beancount as it comes; ours is the same file with the option that we write.
    """
    text = beancount.write(_journal()).decode()
    told, strict = "25.00 CNY", 'option "tolerance_multiplier" "0"\n'
    asserted = next(line for line in text.splitlines() if " balance " in line and told in line)
    wrong = text.replace(asserted, asserted.replace(told, "25.01 CNY"))
    ours, naive = tmp_path / "ours.beancount", tmp_path / "naive.beancount"
    ours.write_text(wrong)
    naive.write_text(wrong.replace(strict, ""))

    assert journal_check.bean_check(naive) == []

    assert journal_check.bean_check(ours) != []


def _journal() -> Journal:
    """Write a journal of one movement of 25 yuan."""
    budget, funding = (
        JournalAccount(id=UUID(int=n), kind=kind, currency="CNY", opening_minor=0)
        for n, kind in ((1, AccountKind.BUDGET), (2, AccountKind.FUNDING))
    )
    moved = JournalTransaction(
        id=UUID(int=3),
        group_id=UUID(int=4),
        event="budget.funded",
        booked_on=MONDAY,
        effective_on=MONDAY,
        debit_id=budget.id,
        credit_id=funding.id,
        currency="CNY",
        amount_minor=2500,
    )
    return Journal(begins_on=MONDAY, accounts=[budget, funding], transactions=[moved])


# --------------------------------------------------------------- refunds, commissions, payouts


def test_oca_commission_652_a_refund_takes_commission_back() -> None:
    """https://github.com/OCA/commission/issues/652: the commission on a refund is positive."""
    sold, refunded, share = 1000, 1000, 10
    assert sum(abs(moved) // share for moved in (sold, -refunded)) == 200

    earned = sold // share

    assert earned - clawbacks.clawback_minor(earned, sold, 0, refunded) == 0


def test_tezgah_144_a_refund_takes_back_what_that_sale_earned() -> None:
    """https://github.com/productdevbook/tezgah/issues/144: a blended rate is taken back."""
    sales = {"at 10 %": (5000, 500), "at 15 %": (5000, 750)}
    sold, earned = (sum(column) for column in zip(*sales.values(), strict=True))
    assert 5000 * earned // sold == 625

    assert clawbacks.clawback_minor(500, 5000, 0, 5000) == 500


def test_opencart_7703_what_was_taken_back_is_not_paid() -> None:
    """https://github.com/opencart/opencart/issues/7703: a refunded sale's commission stays owed."""
    sale, refund = _item(1, 500), _item(2, -500)
    assert sum(item.amount_minor for item in (sale, refund) if item.amount_minor > 0) == 500

    assert payouts.payments([sale, refund], frozenset(), minimum_minor=1) == []


def test_polar_4428_a_refund_after_the_payout_is_taken_off_the_next() -> None:
    """https://github.com/polarsource/polar/issues/4428: it belongs to no payment that is due."""
    paid, late_refund, due = _item(1, 10_000), _item(2, -4_000), _item(3, 7_000)
    refund_of = {late_refund.id: paid.id}
    naive = [item for item in (late_refund, due) if refund_of.get(item.id, due.id) == due.id]
    assert sum(item.amount_minor for item in naive) == 7_000

    taken = frozenset({paid.id})
    [payment] = payouts.payments([paid, late_refund, due], taken, minimum_minor=1)

    assert payment.amount_minor == 3_000


def test_polar_4807_the_order_of_refunds_changes_no_payout() -> None:
    """https://github.com/polarsource/polar/pull/4807: a refund that comes last is not taken off."""
    items = [_item(1, 5_000), _item(2, 3_000), _item(3, -4_000)]

    def naive(ordered: Sequence[Item]) -> int:
        """Take a refund off what is transferred after it."""
        transferred, owed = 0, 0
        for item in ordered:
            owed += item.amount_minor
            if owed > 0:
                transferred, owed = transferred + owed, 0
        return transferred

    assert len({naive(ordered) for ordered in permutations(items)}) > 1

    made = {
        tuple(payouts.payments(ordered, frozenset(), minimum_minor=1))
        for ordered in permutations(items)
    }

    assert [payment.amount_minor for [payment] in made] == [4_000]


def test_polar_9666_a_payout_that_came_back_frees_its_items() -> None:
    """https://github.com/polarsource/polar/issues/9666: they stay linked to the one that failed."""
    items = [_item(1, 5_000), _item(2, 3_000)]
    [returned] = payouts.payments(items, frozenset(), minimum_minor=1)
    items.append(_item(3, 1_000))
    linked_once = [item for item in items if item.id not in returned.item_ids]
    assert sum(item.amount_minor for item in linked_once) != 9_000

    [again] = payouts.payments(items, _taken(returned, PaymentState.RETURNED), minimum_minor=1)

    assert again.amount_minor == 9_000
    assert set(again.item_ids) == {item.id for item in items}
    [late] = payouts.payments(items, _taken(returned, PaymentState.PAID), minimum_minor=1)
    assert late.item_ids == (items[-1].id,)


def _item(number: int, amount_minor: int) -> Item:
    """Write a line of the agent's commission account."""
    return Item(id=UUID(int=number), agent_id=AGENT, currency="CNY", amount_minor=amount_minor)


def _taken(payment: Payment, state: PaymentState) -> frozenset[UUID]:
    """Give the items that a payment in some state speaks for."""
    return frozenset(payment.item_ids if state.is_live else ())


# --------------------------------------------------------------------------------------- time


def test_odoo_66135_what_is_over_is_over_before_a_job_says_so() -> None:
    """https://github.com/odoo/odoo/pull/66135: an expired coupon stays valid until a job runs."""
    over = Standing(
        amount_minor=100,
        used_minor=0,
        released_minor=0,
        state=IssuanceState.ISSUED,
        hold_id=UUID(int=1),
        budget_id=UUID(int=2),
        issued_id=UUID(int=3),
        currency="CNY",
        expires_at=NOW - timedelta(seconds=1),
    )
    assert over.state is IssuanceState.ISSUED

    wish = Wish(key=UUID(int=4), kind=Kind.REDEEM, issuance_id=UUID(int=5))
    ids = (UUID(int=number) for number in count(6))

    assert redemptions.decide(wish, over, None, ids, now=NOW) is Code.ALREADY_EXPIRED
    in_time = msgspec.structs.replace(over, expires_at=NOW + timedelta(seconds=1))
    assert isinstance(redemptions.decide(wish, in_time, None, ids, now=NOW), redemptions.Step)


# ------------------------------------------------------------------------------------- the log


def _naive_root(hashes: Sequence[bytes]) -> bytes:
    """Hash pairs without saying what is a leaf, the last one with itself where it is alone."""
    level = list(hashes)
    while len(level) > 1:
        level += level[-1:] * (len(level) % 2)
        level = [
            hashlib.sha256(left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]


def test_cve_2012_2459_a_line_twice_is_not_the_same_log() -> None:
    """CVE-2012-2459 (Bitcoin): a tree with its last leaf twice has the root of the one without."""
    leaves = [tree.leaf_hash(data) for data in (b"a", b"b", b"c")]
    twice = [*leaves, leaves[-1]]
    assert _naive_root(leaves) == _naive_root(twice)

    assert tree.root_of(leaves) != tree.root_of(twice)


def test_cve_2017_12842_an_inner_node_is_not_a_line() -> None:
    """CVE-2017-12842 (Bitcoin): 64 bytes of a transaction pass for two hashes, or the reverse."""
    left, right = (hashlib.sha256(data).digest() for data in (b"a", b"b"))
    forged = left + right
    assert _naive_root([left, right]) == hashlib.sha256(forged).digest()

    assert tree.root_of([left, right]) != tree.leaf_hash(forged)
