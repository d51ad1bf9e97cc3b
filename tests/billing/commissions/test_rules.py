"""Commission is right to the fen: what plans pay, who shares it, what refunds take back."""

import csv
import math
import random
from datetime import date
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.commissions.rules import clawbacks, counter_offer, meter, payouts, plans, shares
from billing.commissions.rules.counter_offer import Agent, Assumptions, Policy
from billing.commissions.rules.meter import OnContract
from billing.commissions.rules.payouts import Item, Payee, Payment
from billing.commissions.rules.plans import PPM, Measure, PlanVersion, Tier, TierMode
from billing.commissions.rules.shares import Seller
from billing.commissions.rules.statements import StatementKind, StatementLine, statement
from billing.errors import MakerIsChecker
from billing.money import MINOR_MAX, Money

JANUARY = date(2026, 1, 1)
ids = st.integers(1, 12).map(lambda n: UUID(int=n))
amounts = st.integers(0, 10**10)


@st.composite
def versions(draw: st.DrawFn, mode: TierMode | None = None) -> PlanVersion:
    """Write a sound version of a plan."""
    chosen = mode or draw(st.sampled_from(TierMode))
    starts = sorted(draw(st.sets(st.integers(1, 10**9), max_size=4)))
    rates = draw(st.lists(st.integers(0, PPM), min_size=len(starts) + 1, max_size=len(starts) + 1))
    rates = sorted(rates) if chosen is TierMode.WHOLE else rates
    floor = draw(st.sampled_from([0, 0, 5_000]))
    return PlanVersion(
        id=UUID(int=1),
        plan_id=UUID(int=2),
        begins_on=JANUARY,
        currency="CNY",
        measure=draw(st.sampled_from(Measure)),
        tiers=[Tier(at_least=a, rate=r) for a, r in zip([0, *starts], rates, strict=True)],
        mode=chosen,
        floor_minor=floor,
        cap_minor=draw(st.sampled_from([None, 10**6])),
    )


def percent(*tiers: tuple[int, int], **terms: object) -> PlanVersion:
    """Write a plan of percents of the revenue."""
    about = {
        "id": UUID(int=1),
        "plan_id": UUID(int=2),
        "begins_on": JANUARY,
        "currency": "CNY",
        "measure": "revenue",
        "tiers": [{"at_least": a, "rate": r} for a, r in tiers],
    }
    return msgspec.convert(about | terms, PlanVersion)


# ------------------------------------------------------------------------------------------ plans


@given(versions(), st.lists(amounts, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_sales_earn_the_same_in_whatever_pieces_and_order(
    version: PlanVersion, sold: list[int], rng: random.Random
) -> None:
    plans.ensure_sound(version)

    def earned(pieces: list[int]) -> int:
        before, total = 0, 0
        for piece in pieces:
            total += plans.commission_minor(version, before, piece)
            before += piece
        return total

    assert earned(sold) == earned(rng.sample(sold, len(sold))) == earned([sum(sold)])


@given(versions(), amounts, amounts)
def test_more_sales_never_pay_less(version: PlanVersion, before: int, sold: int) -> None:
    assert plans.commission_minor(version, before, sold) >= 0


@given(versions(TierMode.MARGINAL), st.integers(0, 10**9))
def test_at_the_border_of_a_marginal_tier_nothing_jumps(version: PlanVersion, more: int) -> None:
    free = msgspec.structs.replace(version, cap_minor=None, floor_minor=0)
    unit = 1 if free.measure.is_money else max(tier.rate for tier in free.tiers)

    for tier in free.tiers[1:]:
        step = plans.commission_minor(free, tier.at_least - 1, 1)
        assert step <= unit
    assert plans.paid_for(free, more) <= more * unit


def test_a_marginal_tier_is_for_what_lies_in_it_and_a_whole_one_for_all() -> None:
    tiers = [(0, 50_000), (100_000_00, 80_000)]

    assert plans.paid_for(percent(*tiers), 150_000_00) == 5_000_00 + 4_000_00
    assert plans.paid_for(percent(*tiers, mode="whole"), 150_000_00) == 12_000_00
    assert plans.paid_for(percent(*tiers, mode="whole"), 99_999_99) == 4_999_99
    assert plans.commission_minor(percent(*tiers, mode="whole"), 99_999_99, 1) == 3_000_01


def test_fixed_and_per_piece_with_floor_and_cap() -> None:
    fixed = percent((0, 200_00), measure="sales")
    pieces = percent((0, 3_00), (100, 4_00), measure="units", floor_minor=50_00, cap_minor=1_000_00)

    assert plans.paid_for(fixed, 3) == 600_00
    assert [plans.paid_for(pieces, n) for n in (0, 1, 100, 110, 10_000)] == [
        *(0, 50_00, 300_00, 340_00, 1_000_00),
    ]


@pytest.mark.parametrize(
    "version",
    [
        percent((1, 50_000)),
        percent((0, 50_000), (0, 60_000)),
        percent((0, PPM + 1)),
        percent((0, 80_000), (5, 50_000), mode="whole"),
        percent((0, 1), floor_minor=2, cap_minor=1),
        percent((0, 1), upline_ppm=[600_000, 500_000]),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(version: PlanVersion) -> None:
    with pytest.raises(plans.PlanUnsound):
        plans.ensure_sound(version)


def test_a_day_is_paid_by_the_version_in_force() -> None:
    first = percent((0, 50_000))
    second = msgspec.structs.replace(first, id=UUID(int=3), begins_on=date(2026, 3, 1))

    assert plans.in_force([second, first], date(2026, 2, 28)) is first
    assert plans.in_force([first, second], date(2026, 3, 1)) is second
    with pytest.raises(plans.NoPlanInForce):
        plans.in_force([first, second], date(2025, 12, 31))
    with pytest.raises(plans.PlanVersionNotLater):
        plans.ensure_follows([first, second], percent((0, 1), begins_on="2026-03-01"))


# ----------------------------------------------------------------------------------------- shares


@settings(max_examples=300)
@given(
    st.integers(0, 10**12),
    st.lists(st.builds(Seller, ids, st.integers(1, 1000)), min_size=1, max_size=5),
    st.lists(st.integers(0, 250_000), max_size=4),
)
def test_i13_all_shares_sum_to_the_commission(
    commission: int, sellers: list[Seller], upline: list[int]
) -> None:
    above = {UUID(int=n): UUID(int=n + 1) for n in range(1, 15)}

    found = shares.shares(Money(commission, "CNY"), sellers, above, upline)

    assert sum(share.amount_minor for share in found) == commission
    assert all(share.amount_minor > 0 for share in found)
    assert all(share.level <= len(upline) for share in found)


def test_agents_above_share_as_deep_as_the_plan_says() -> None:
    a, b, c, d = (UUID(int=n) for n in range(4))

    found = shares.shares(
        Money(1_000_00, "CNY"), [Seller(a)], {a: b, b: c, c: d}, [100_000, 50_000]
    )
    alone = shares.shares(Money(1_000_00, "CNY"), [Seller(c)], {c: d}, [100_000, 50_000])

    assert [(each.agent_id, each.amount_minor) for each in found] == [
        *((a, 850_00), (b, 100_00), (c, 50_00)),
    ]
    assert [(each.agent_id, each.amount_minor) for each in alone] == [(c, 900_00), (d, 100_00)]
    with pytest.raises(shares.UplineCircular):
        shares.shares(Money(1, "CNY"), [Seller(a)], {a: b, b: a}, [1, 1])


# -------------------------------------------------------------------------------------- clawbacks


@given(
    st.integers(0, 10**9),
    st.integers(1, 10**10),
    st.lists(st.integers(0, PPM), min_size=1, max_size=6),
)
def test_after_refunds_the_commission_is_its_part_to_the_fen(
    commission: int, sold: int, cuts: list[int]
) -> None:
    refunded = [sold * cut // PPM for cut in sorted(cuts)]

    left = commission
    for before, after in pairwise([0, *refunded]):
        taken = clawbacks.clawback_minor(commission, sold, before, after - before)
        assert taken >= 0
        left -= taken

    exact = commission * (1 - Fraction(refunded[-1], sold))
    assert 0 <= exact - left < 1
    assert left == clawbacks.net_minor(commission, sold, refunded[-1])


def test_a_full_refund_takes_all_back_and_no_more_can_be_refunded() -> None:
    assert (
        clawbacks.clawback_minor(333, 1_000, 999, 1) + clawbacks.clawback_minor(333, 1_000, 0, 999)
        == 333
    )
    with pytest.raises(clawbacks.RefundTooLarge):
        clawbacks.clawback_minor(333, 1_000, 999, 2)


# ------------------------------------------------------------------------- payouts, statements


items = st.builds(
    Item,
    id=st.uuids(),
    agent_id=ids,
    currency=st.sampled_from(["CNY", "USD"]),
    amount_minor=st.integers(-10_000, 10_000),
)


@given(
    st.lists(items, max_size=20, unique_by=lambda item: item.id), st.integers(1, 5_000), st.data()
)
def test_an_item_is_in_one_live_payment_and_the_rest_is_carried(
    some: list[Item], minimum: int, data: st.DataObject
) -> None:
    taken = frozenset(
        data.draw(st.sets(st.sampled_from([i.id for i in some])) if some else st.just(set()))
    )

    made = payouts.payments(some, taken, minimum_minor=minimum)

    paid = [item_id for each in made for item_id in each.item_ids]
    assert len(paid) == len(set(paid))
    assert not set(paid) & taken
    assert all(each.amount_minor >= minimum for each in made)
    left = sum(i.amount_minor for i in some if i.id not in taken and i.id not in paid)
    free = sum(i.amount_minor for i in some if i.id not in taken)
    assert sum(each.amount_minor for each in made) + left == free
    assert payouts.payments(some, taken | set(paid), minimum_minor=minimum) == []


def test_a_payment_is_what_one_movement_can_be_and_the_rest_waits() -> None:
    some = [
        Item(id=UUID(int=n), agent_id=UUID(int=9), currency="CNY", amount_minor=minor)
        for n, minor in enumerate([MINOR_MAX, 5, -3])
    ]

    [first] = payouts.payments(some, frozenset(), minimum_minor=1)
    [rest] = payouts.payments(some, frozenset(first.item_ids), minimum_minor=1)

    assert (first.amount_minor, first.item_ids) == (MINOR_MAX - 3, (UUID(int=0), UUID(int=2)))
    assert rest.amount_minor == 5


def payment(n: int, amount_minor: int) -> Payment:
    """Write a payment to an agent."""
    return Payment(
        agent_id=UUID(int=n), currency="CNY", amount_minor=amount_minor, item_ids=(UUID(int=n),)
    )


def test_who_made_a_batch_does_not_let_it_go_and_nobody_another_batch() -> None:
    made = [payment(1, 100), payment(2, 5)]
    seen = payouts.batch_hash(made)
    maker, checker = UUID(int=1), UUID(int=2)

    payouts.ensure_may_approve(made[::-1], seen, maker_id=maker, checker_id=checker)
    with pytest.raises(MakerIsChecker):
        payouts.ensure_may_approve(made, seen, maker_id=maker, checker_id=maker)
    with pytest.raises(payouts.BatchChanged):
        payouts.ensure_may_approve(
            [payment(1, 101), made[1]], seen, maker_id=maker, checker_id=checker
        )


def test_the_bank_file_says_names_accounts_and_amounts_as_they_are() -> None:
    made = [payment(1, 1_234_05), payment(2, 7)]
    payees = {
        UUID(int=1): Payee(name="杭州龙井茶行", account="6222020200012345678", bank="工商银行"),
        UUID(int=2): Payee(name='=HYPERLINK("x")', account="01", bank="农业银行"),
    }

    written = payouts.bank_file(made, payees, reference="三月佣金").decode("gb18030")

    header, first, second = csv.reader(written.splitlines())
    assert tuple(header) == payouts.BANK_HEADER
    assert first[1:] == [
        "杭州龙井茶行",
        "\t6222020200012345678",
        "工商银行",
        "1234.05",
        "CNY",
        "三月佣金",
    ]
    assert second[1:5] == ['\'=HYPERLINK("x")', "\t01", "农业银行", "0.07"]
    with pytest.raises(payouts.PayeeMissing) as missing:
        payouts.bank_file(made, {}, reference="x")
    assert missing.value.agent_ids == (UUID(int=1), UUID(int=2))


def test_i14_a_statement_is_what_stood_and_what_moved_and_a_debt_is_carried() -> None:
    def line(n: int, on: date, kind: StatementKind, amount: int) -> StatementLine:
        return StatementLine(
            transfer_id=UUID(int=n), on=on, kind=kind, currency="CNY", amount_minor=amount
        )

    lines = [
        line(3, date(2026, 3, 31), StatementKind.CLAWED_BACK, -700),
        line(1, date(2026, 3, 1), StatementKind.EARNED, 500),
        line(2, date(2026, 4, 1), StatementKind.EARNED, 900),
    ]

    march = statement(UUID(int=9), date(2026, 3, 1), "CNY", 100, lines)
    april = statement(UUID(int=9), date(2026, 4, 1), "CNY", march.closing_minor, lines)

    assert [each.transfer_id.int for each in march.lines] == [1, 3]
    assert (march.closing_minor, march.carried_minor) == (-100, -100)
    assert (april.opening_minor, april.closing_minor, april.carried_minor) == (-100, 800, 0)


# ------------------------------------------------------------------------------------------ meter


@given(
    st.lists(
        st.builds(OnContract, contract_id=ids, revenue_minor=amounts, commission_minor=amounts)
    )
)
def test_what_is_deductible_and_what_exceeds_it_is_all_commission(parts: list[OnContract]) -> None:
    table = meter.meter(parts, 50_000)

    assert sum(row.commission_minor for row in table) == sum(p.commission_minor for p in parts)
    for row in table:
        assert row.deductible_minor + row.excess_minor == row.commission_minor
        assert row.deductible_minor * 20 <= row.revenue_minor
        assert row.excess_minor == 0 or row.deductible_minor == row.limit_minor


def test_limits_of_two_contracts_are_not_pooled() -> None:
    one = OnContract(contract_id=UUID(int=1), revenue_minor=100_00, commission_minor=8_00)
    other = OnContract(contract_id=UUID(int=2), revenue_minor=900_00, commission_minor=0)

    assert [row.excess_minor for row in meter.meter([one, other], 50_000)] == [3_00, 0]


# ----------------------------------------------------------------------------------- counter-offer


agents = st.lists(
    st.integers(1_000_00, 100_000_00).flatmap(
        lambda revenue: st.builds(
            Agent,
            revenue_minor=st.just(revenue),
            margin_minor=st.integers(revenue // 10, revenue // 2),
            commission_minor=st.integers(0, revenue // 10),
            multiplier=st.floats(1, 3),
            other_value_minor=st.integers(0, revenue // 20),
        )
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30)
@given(agents, st.integers(0, 2**32))
def test_m8_the_same_seed_gives_the_same_bytes(some: list[Agent], seed: int) -> None:
    def run() -> bytes:
        answer = counter_offer.simulate(
            some, Assumptions(), scenarios=20, chance=random.Random(seed)
        )
        return msgspec.json.encode(answer)

    assert run() == run()


@settings(max_examples=30)
@given(agents)
def test_m8_percentiles_are_in_order_and_somebody_is_best(some: list[Agent]) -> None:
    answer = counter_offer.simulate(some, Assumptions(), scenarios=20, chance=random.Random(1))

    assert all(r.p10_minor <= r.p50_minor <= r.p90_minor for r in answer.results)
    assert all(r.cost_p10_minor <= r.cost_p50_minor <= r.cost_p90_minor for r in answer.results)
    assert sum(r.best_in for r in answer.results) >= answer.scenarios
    assert next(r for r in answer.results if r.policy is Policy.NONE).extra_minor == 0


@settings(max_examples=30)
@given(agents, st.integers(0, 2**32))
def test_m8_all_together_are_worth_and_cost_what_each_is_and_does_alone(
    some: list[Agent], seed: int
) -> None:
    def valued(asked: list[Agent]) -> list[tuple[int, int]]:
        answer = counter_offer.simulate(
            asked, Assumptions(), scenarios=1, chance=random.Random(seed)
        )
        return [(result.p50_minor, result.cost_p50_minor) for result in answer.results]

    alone = [valued([agent]) for agent in some]

    together = [
        tuple(map(sum, zip(*of_policy, strict=True))) for of_policy in zip(*alone, strict=True)
    ]
    assert valued(some) == together


def test_m8_who_is_expected_to_leave_is_what_a_month_leaves_to_the_power_of_the_months() -> None:
    agent = Agent(revenue_minor=10_000_00, margin_minor=3_000_00, commission_minor=400_00)
    believed = Assumptions(months=12, base_hazard=0.01, elasticity=math.log(2))

    answer = counter_offer.simulate([agent] * 100, believed, scenarios=1, chance=random.Random(1))

    left = {result.policy: result.left for result in answer.results}
    # Offered one commission more, an agent leaves twice as fast; matched, as fast as ever.
    assert left[Policy.NONE] == pytest.approx(100 * (1 - 0.98**12), abs=0.05)
    assert left[Policy.HALF] == pytest.approx(100 * (1 - (1 - 0.01 * 2**0.5) ** 12), abs=0.05)
    assert left[Policy.FULL] == pytest.approx(100 * (1 - 0.99**12), abs=0.05)


def test_m8_a_rival_who_offers_beyond_all_measure_takes_everybody_and_breaks_nothing() -> None:
    agent = Agent(revenue_minor=10**6, margin_minor=10**5, commission_minor=1, multiplier=1e9)

    answer = counter_offer.simulate([agent], Assumptions(), scenarios=5, chance=random.Random(1))

    assert {result.policy for result in answer.results} == set(Policy)


def test_m8_a_horizon_is_the_sum_of_its_months() -> None:
    agent = Agent(revenue_minor=10_000_00, margin_minor=3_000_00, commission_minor=400_00)
    believed = Assumptions(months=24, base_hazard=0.02, elasticity=0.7, vesting_months=6)
    middle = counter_offer.Scenario(1.0, 1.0)

    for policy, paid, bonus, benefits in (
        (Policy.NONE, 400_00, 0, 0),
        (Policy.HALF, 600_00, 0, 0),
        (Policy.FULL, 800_00, 0, 0),
        (Policy.BONUS, 400_00, 1_200_00, 0),
        (Policy.BENEFITS, 400_00, 0, 200_00),
    ):
        gap = max(0.0, (800_00 - paid - bonus / 6 - benefits) / 400_00)
        hazard = 0.02 * 2.718281828459045 ** (0.7 * gap)
        worth, here, cost = 0.0, 1.0, 0.0
        for month in range(1, 25):
            here *= 1 - hazard
            # Of 500 yuan of the commission a quarter comes back as tax.
            taxed = 3_000_00 - min(paid, 500_00) - benefits
            profit = 3_000_00 - paid - benefits - 0.25 * taxed
            vests = bonus if month % 6 == 0 else 0
            worth += here * (profit - vests) / 1.005**month
            cost += here * (paid - 400_00 + benefits + vests)
        given = counter_offer._given(believed, policy)
        found = counter_offer._valued(agent, believed, middle, given)
        assert (abs(found[0] - worth) <= 1, abs(found[1] - cost) <= 1) == (True, True)


@settings(max_examples=25)
@given(st.integers(1, 2_000), st.floats(1, 3), st.integers(0, 500), st.floats(0.005, 0.2))
def test_m8_the_cheapest_raise_is_the_one_that_brute_force_finds(
    commission: int, multiplier: float, other: int, hazard_max: float
) -> None:
    agent = Agent(
        revenue_minor=10**6,
        margin_minor=10**5,
        commission_minor=commission,
        multiplier=multiplier,
        other_value_minor=other,
    )
    believed = Assumptions()

    def hazard(more: int) -> float:
        gap = (commission * multiplier - commission - more - other) / commission
        return float(min(0.95, 0.01 * 2.718281828459045 ** (1.5 * max(0.0, gap))))

    top = max(0, round(commission * multiplier) - commission)
    found = counter_offer.cheapest_raise(agent, believed, hazard_max=hazard_max)

    # Two hazards that differ in the last digit are one.
    brute = {
        next((more for more in range(top + 1) if hazard(more) <= hazard_max * near), None)
        for near in (1 - 1e-9, 1 + 1e-9)
    }
    assert found in brute


def test_m8_matching_beats_doing_nothing_from_the_break_even_hazard_on() -> None:
    agent = Agent(
        revenue_minor=10_000_00, margin_minor=3_000_00, commission_minor=200_00, multiplier=2.0
    )
    believed = Assumptions(elasticity=2.0)
    edge = counter_offer.break_even([agent], believed, Policy.FULL)
    assert edge is not None

    def gain(hazard: float) -> int:
        at = msgspec.structs.replace(believed, base_hazard=hazard)
        middle = counter_offer.Scenario(1.0, 1.0)
        full = counter_offer._worth(agent, at, middle, Policy.FULL)
        return full - counter_offer._worth(agent, at, middle, Policy.NONE)

    assert 0 < edge < 0.05
    assert gain(edge * 0.9) <= 0 < gain(edge * 1.1)
    other = msgspec.structs.replace(agent, other_value_minor=200_00)
    assert counter_offer.break_even([other], believed, Policy.FULL) is None


@pytest.mark.parametrize(
    "wrong", [{"months": 0}, {"spread": 1.5}, {"tax_ppm": -1}, {"base_hazard": 1.0}]
)
def test_what_cannot_be_is_not_simulated(wrong: dict[str, float]) -> None:
    believed = msgspec.structs.replace(Assumptions(), **wrong)

    with pytest.raises(counter_offer.AssumptionUnsound):
        counter_offer.simulate([], believed, scenarios=1, chance=random.Random(1))
